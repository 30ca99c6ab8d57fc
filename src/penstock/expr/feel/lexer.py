"""Text to tokens, one at a time: where a name ends depends on the names that are known, so the parser asks."""

import re
from decimal import Decimal

import msgspec

from penstock.expr.feel.names import BLANKS, WORD
from penstock.expr.feel.numbers import CONTEXT, ArithmeticFailed


class FeelSyntaxError(Exception):
    """The text is no FEEL. `position` is where, from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class Token(msgspec.Struct, frozen=True):
    """`kind`: number, string, name, quoted (a name in backticks), symbol or end. `text` is the value of a string."""

    kind: str
    text: str
    start: int
    end: int


_SKIP = re.compile(rf"(?:[{BLANKS}]+|//[^\n\r]*|/\*(?:[^*]|\*(?!/))*\*/)*")
_TOKEN = re.compile(
    r"(?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)"
    r'|(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")'
    r"|(?P<quoted>`[^`]+`)"
    rf"|(?P<name>{WORD.replace('?', '', 1)})"
    r"|(?P<symbol>\*\*|\.\.|<=|>=|!=|->|[-+*/()\[\]{},:=<>.@?])",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|([\\\"'nrt])|(.))", re.DOTALL)
_PLAIN_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "r": "\r", "t": "\t"}


def token_at(text: str, position: int) -> Token:
    """The token at or after `position`. Raises FeelSyntaxError."""
    skipped = _SKIP.match(text, position)
    start = skipped.end() if skipped is not None else position
    if start >= len(text):
        return Token("end", "", start, start)
    match = _TOKEN.match(text, start)
    if match is None:
        raise FeelSyntaxError(f"{text[start]!r} is not expected here", start)
    kind = match.lastgroup or ""
    found = match.group()
    if kind == "string":
        found = _unescaped(found[1:-1], start)
    elif kind == "quoted":
        found = found[1:-1]
    return Token(kind, found, start, match.end())


def _unescaped(body: str, position: int) -> str:
    if "\\" not in body:
        return body
    plain = _ESCAPE.sub(_escape, body)
    try:
        return plain.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise FeelSyntaxError("half of a surrogate pair is no character", position) from None


def _escape(match: "re.Match[str]") -> str:
    short, long, plain, _other = match.groups()
    if plain is not None:
        return _PLAIN_ESCAPES[plain]
    code = int(short or long or "FFFFFF", 16)
    return chr(code) if code <= 0x10FFFF else match.group()


def number(token: Token) -> Decimal:
    """The value of a number token. Raises FeelSyntaxError when it is out of range."""
    try:
        return CONTEXT.create_decimal(token.text)
    except ArithmeticFailed:
        raise FeelSyntaxError("a number is out of range", token.start) from None
