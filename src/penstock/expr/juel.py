"""The expression language of Camunda 7: JUEL 2.2 (Unified Expression Language 2.1), parsed once into closures.

`parse("${amount > 1000}")` gives an `Expression`; `Expression.evaluate(resolver)` its native value
(`penstock.expr.values`). Nothing is looked up by name on Python objects: values have the properties and methods of
`penstock.expr.members`, host objects those they declare, and anything else is an error.

The language has no loops and no assignments, so time is bounded by the text (`CHARS_MAX`, `DEPTH_MAX`) and by the
bounds on what a call may make (`coerce.TEXT_CHARS_MAX`, `spin.NODES_MAX`). All errors are ExpressionFailed with the
expression in the message, in Camunda's wording; what a host object's method raises passes through unchanged.
"""

import functools
import math
import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

from penstock.base.errors import ExpressionFailed
from penstock.expr.coerce import (
    INTEGERS,
    LISTS,
    MAPS,
    NUMBERS,
    TEXT_CHARS_MAX,
    Kind,
    Problem,
    is_fractional,
    java_class,
    same,
    to_boolean,
    to_double,
    to_long,
    to_string,
    wrap_long,
)
from penstock.expr.host import Resolver
from penstock.expr.members import get_property, invoke
from penstock.expr.moments import DateTime, from_ms
from penstock.expr.spin import JsonPathQuery, read_any, read_json, read_xml
from penstock.expr.values import Integer, Short

__all__ = ["Expression", "parse", "to_string"]

CHARS_MAX = 100_000
"""Longest text with expressions in it; a text without any may be as long as it likes."""
DEPTH_MAX = 60
"""Deepest nesting of parentheses, brackets, calls and unary operators."""
HEIGHT_MAX = 200
"""Deepest tree, which a long chain of operators also makes; each level is one Python frame."""
TOKENS_MAX = 2_000
"""Most symbols, words and literals in the expressions of one text."""
CACHED_CHARS_MAX = 4096
CACHED_EXPRESSIONS_MAX = 4096

Run = Callable[[Resolver], Any]


class Expression:
    """A parsed text: literal, one `${…}`, or a mix of both.

    `text`: as it was written. `is_literal`: no `${…}` or `#{…}` in it. `names`: what it asks the resolver for, each once.
    """

    __slots__ = ("_run", "is_literal", "names", "text")

    def __init__(self, text: str, is_literal: bool, run: Run, names: tuple[str, ...] = ()) -> None:
        self.text = text
        self.is_literal = is_literal
        self._run = run
        self.names = names

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, resolver: Resolver) -> Any:
        """The native value of a single `${…}`; the String of a literal or a mixed text.

        Raises ExpressionFailed.
        """
        try:
            return self._run(resolver)
        except Problem as problem:
            raise self._failed(problem) from problem
        except RecursionError as error:
            raise self._failed(Problem("a value is nested too deeply")) from error

    def evaluate_string(self, resolver: Resolver) -> str | None:
        """The value as a text (Java's `toString`); None when it is null."""
        value = self.evaluate(resolver)
        if value is None or type(value) is str:
            return value
        try:
            return to_string(value)
        except Problem as problem:
            raise self._failed(problem) from problem

    def evaluate_condition(self, resolver: Resolver) -> bool:
        """The value of a condition, which must be a Boolean (Camunda `UelExpressionCondition.evaluate`).

        Raises ExpressionFailed, also when the value is null or anything but a Boolean.
        """
        value = self.evaluate(resolver)
        if value is True or value is False:
            return value
        if value is None:
            raise ExpressionFailed("condition expression returns null: result is null")
        java = java_class(value).removeprefix("class ")
        raise ExpressionFailed(
            f"condition expression returns non-Boolean: result has class {java} and not java.lang.Boolean"
        )

    def try_condition(self, resolver: Resolver) -> bool:
        """As `evaluate_condition`, but false while a name is unknown (Camunda `tryEvaluate`, conditional events)."""
        try:
            return self.evaluate_condition(resolver)
        except ExpressionFailed as failed:
            cause = failed.__cause__
            if isinstance(cause, Problem) and cause.kind is Kind.PROPERTY:
                return False
            raise

    def _failed(self, problem: Problem) -> ExpressionFailed:
        return ExpressionFailed(f"{problem.kind.value}: {_shown(self.text)}. Cause: {problem.message}")


def parse(text: str) -> Expression:
    """Parse a text that may hold expressions; the same text is parsed once (least recently used are forgotten).

    Raises ExpressionFailed with the text, the position and what was expected there.
    """
    if "${" not in text and "#{" not in text:
        return Expression(text, True, lambda _: text)
    return _parse_cached(text) if len(text) <= CACHED_CHARS_MAX else _parse(text)


def _parse(text: str) -> Expression:
    if len(text) > CHARS_MAX:
        raise ExpressionFailed(f"Error parsing '{_shown(text)}': longer than {CHARS_MAX} characters")
    try:
        return _Parser(text).tree()
    except _Syntax as error:
        raise ExpressionFailed(f"Error parsing '{_shown(text)}': {error}") from error


_parse_cached = functools.lru_cache(maxsize=CACHED_EXPRESSIONS_MAX)(_parse)


def _shown(text: str) -> str:
    return text if len(text) <= 1000 else f"{text[:1000]}…"


class _Syntax(Exception):
    """The text is not in the language."""


# ---------------------------------------------------------------------------------------------------------- operators


def _add(left: Any, right: Any) -> Any:
    if is_fractional(left) or is_fractional(right):
        return to_double(left) + to_double(right)
    return wrap_long(to_long(left) + to_long(right))


def _subtract(left: Any, right: Any) -> Any:
    if is_fractional(left) or is_fractional(right):
        return to_double(left) - to_double(right)
    return wrap_long(to_long(left) - to_long(right))


def _multiply(left: Any, right: Any) -> Any:
    if is_fractional(left) or is_fractional(right):
        return to_double(left) * to_double(right)
    return wrap_long(to_long(left) * to_long(right))


def _divide(left: Any, right: Any) -> Any:
    if left is None and right is None:
        return 0
    dividend, divisor = to_double(left), to_double(right)
    if divisor:
        return dividend / divisor
    if dividend == 0 or math.isnan(dividend) or math.isnan(divisor):
        return math.nan
    return math.copysign(math.inf, dividend) * math.copysign(1.0, divisor)


def _remainder(left: Any, right: Any) -> Any:
    if left is None and right is None:
        return 0
    if is_fractional(left) or is_fractional(right):
        dividend, divisor = to_double(left), to_double(right)
        if divisor == 0 or math.isinf(dividend) or math.isnan(dividend) or math.isnan(divisor):
            return math.nan
        return math.fmod(dividend, divisor)
    number, by = to_long(left), to_long(right)
    if by == 0:
        raise Problem("/ by zero")
    rest = abs(number) % abs(by)
    return -rest if number < 0 else rest


def _negate(value: Any) -> Any:
    kind = type(value)
    if value is None:
        return 0
    if kind is float:
        return -value
    if kind is str:
        return -to_double(value) if is_fractional(value) else wrap_long(-to_long(value))
    if kind is int:
        return wrap_long(-value)
    if kind is Integer:
        return Integer(-value) if value != -0x80000000 else value
    if kind is Short:
        return Short(-value) if value != -0x8000 else value
    raise Problem(f"Cannot negate '{java_class(value)}'")


def _equal(left: Any, right: Any) -> bool:
    if left is right:
        return True
    if left is None or right is None:
        return False
    a, b = type(left), type(right)
    if a is float or b is float:
        return same(to_double(left), to_double(right))
    if a in INTEGERS or b in INTEGERS:
        return to_long(left) == to_long(right)
    if a is bool or b is bool:
        return to_boolean(left) == to_boolean(right)
    if a is str or b is str:
        return to_string(left) == to_string(right)
    return same(left, right)


def _order(compare: Callable[[Any, Any], bool], when_identical: bool, negated: bool) -> Callable[[Any, Any], bool]:
    """`<` or `>` as `compare`; `>=` and `<=` are their negation, so NaN >= 1 as in JUEL."""

    def ordered(left: Any, right: Any) -> bool:
        if left is right:
            return when_identical
        if left is None or right is None:
            return False
        a, b = type(left), type(right)
        if a is float or b is float:
            left, right = to_double(left), to_double(right)
        elif a in INTEGERS or b in INTEGERS:
            left, right = to_long(left), to_long(right)
        elif a is str or b is str:
            left, right = to_string(left), to_string(right)
        elif not (a is b and a in (bool, datetime, DateTime)):
            raise Problem(f"Cannot compare '{java_class(left)}' and '{java_class(right)}'")
        elif a is DateTime:
            left, right = left.ms, right.ms
        return compare(left, right) is not negated

    return ordered


_less = _order(operator.lt, False, False)
_greater = _order(operator.gt, False, False)
_at_least = _order(operator.lt, True, True)
_at_most = _order(operator.gt, True, True)


def _empty(value: Any) -> bool:
    return value is None or value == "" or ((type(value) in LISTS or type(value) in MAPS) and not value)


# ------------------------------------------------------------------------------------------------------------ closures


class _Node:
    """A part of the tree: its closure, its height, how messages print it; a constant also has its `value`."""

    __slots__ = ("height", "label", "run", "value")

    def __init__(self, run: Run, height: int, label: str, value: Any = None) -> None:
        self.run = run
        self.height = height
        self.label = label
        self.value = value


def _constant(value: Any, label: str) -> _Node:
    return _Node(lambda _: value, 1, label, value)


def _identifier(name: str) -> Run:
    def run(resolver: Resolver) -> Any:
        try:
            return resolver.lookup(name)
        except KeyError:
            raise Problem(f"Cannot resolve identifier '{_shown(name)}'", Kind.PROPERTY) from None

    return run


def _dot(base: Run, name: str) -> Run:
    def run(resolver: Resolver) -> Any:
        value = base(resolver)
        if value is None:
            return None
        if type(value) is dict:
            return value.get(name)
        return get_property(value, name)

    return run


def _bracket(base: Run, index: Run) -> Run:
    def run(resolver: Resolver) -> Any:
        value = base(resolver)
        if value is None:
            return None
        name = index(resolver)
        return None if name is None else get_property(value, name)

    return run


def _call(base: _Node, name: Run, args: list[_Node]) -> Run:
    target, label = base.run, base.label
    runs = tuple(arg.run for arg in args)

    def run(resolver: Resolver) -> Any:
        value = target(resolver)
        if value is None:
            raise Problem(f"Target unreachable, base expression '{label}' resolved to null", Kind.PROPERTY)
        method = name(resolver)
        if method is None:
            raise Problem(f"Cannot find method 'null' in '{java_class(value)}'", Kind.PROPERTY)
        return invoke(value, to_string(method), [arg(resolver) for arg in runs])

    return run


def _compare_fast(left: Run, right: Run, fast: Callable[[Any, Any], bool], slow: Callable[[Any, Any], bool]) -> Run:
    def run(resolver: Resolver) -> bool:
        a, b = left(resolver), right(resolver)
        if type(a) in INTEGERS and type(b) in INTEGERS:
            return fast(a, b)
        return slow(a, b)

    return run


def _compare_constant(
    left: Run, constant: Any, fast: Callable[[Any, Any], bool], slow: Callable[[Any, Any], bool]
) -> Run:
    """The usual condition: something against a literal."""
    fitting = INTEGERS if type(constant) is int else frozenset((type(constant),))

    def run(resolver: Resolver) -> bool:
        a = left(resolver)
        return fast(a, constant) if type(a) in fitting else slow(a, constant)

    return run


def _binary(left: Run, right: Run, apply: Callable[[Any, Any], Any]) -> Run:
    return lambda resolver: apply(left(resolver), right(resolver))


def _and(runs: tuple[Run, ...]) -> Run:
    def run(resolver: Resolver) -> bool:
        for part in runs:
            value = part(resolver)
            if value is not True and (value is False or not to_boolean(value)):
                return False
        return True

    return run


def _or(runs: tuple[Run, ...]) -> Run:
    def run(resolver: Resolver) -> bool:
        for part in runs:
            value = part(resolver)
            if value is True or (value is not False and to_boolean(value)):
                return True
        return False

    return run


def _choice(question: Run, yes: Run, no: Run) -> Run:
    return lambda resolver: yes(resolver) if to_boolean(question(resolver)) else no(resolver)


def _composite(runs: tuple[Run, ...]) -> Run:
    def run(resolver: Resolver) -> str:
        parts, chars = [], 0
        for part in runs:
            text = to_string(part(resolver))
            chars += len(text)
            if chars > TEXT_CHARS_MAX:
                raise Problem(f"a text would be longer than {TEXT_CHARS_MAX} characters")
            parts.append(text)
        return "".join(parts)

    return run


def _leaving(base: Run) -> Run:
    """What leaves an expression is a value: Joda's DateTime becomes a Date, a JSON path query is none."""

    def run(resolver: Resolver) -> Any:
        value = base(resolver)
        if type(value) is DateTime:
            return from_ms(value.ms)
        if type(value) is JsonPathQuery:
            raise Problem("a JsonPath query is not a value; end it with element(), elementList() or stringValue()")
        return value

    return run


# ----------------------------------------------------------------------------------------------------------- functions


def _from_resolver(name: str) -> Callable[[Resolver], Any]:
    def read(resolver: Resolver) -> Any:
        try:
            return resolver.lookup(name)
        except KeyError:
            raise Problem(f"{name}: nobody is authenticated here") from None

    return read


def _present(resolver: Resolver, make: Callable[[int], Any]) -> Any:
    try:
        return make(resolver.now_ms())
    except OverflowError as error:
        raise Problem(str(error)) from error


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "now": (0, lambda resolver: _present(resolver, from_ms)),
    "dateTime": (0, lambda resolver: _present(resolver, DateTime)),
    "currentUser": (0, _from_resolver("currentUser()")),
    "currentUserGroups": (0, _from_resolver("currentUserGroups()")),
    "S": (1, lambda _, value: read_any(value)),
    "JSON": (1, lambda _, value: read_json(value)),
    "XML": (1, lambda _, value: read_xml(value)),
}
"""Name → (number of arguments, function of resolver and arguments): Camunda's function mappers."""


def _function(call: Callable[..., Any], args: list[_Node]) -> Run:
    if not args:
        return call
    runs = tuple(arg.run for arg in args)
    return lambda resolver: call(resolver, *[arg(resolver) for arg in runs])


# -------------------------------------------------------------------------------------------------------------- parser

_TOKEN = re.compile(
    r"""[ \t\r\n\f\v]*(?:
        (?P<float>[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
      | (?P<integer>[0-9]+)
      | (?P<word>[^\W\d][\w$]*|\$[\w$]*)
      | (?P<symbol>==|!=|<=|>=|&&|\|\||[-+*/%?:()\[\],.<>!}])
      | (?P<quote>['"])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_STRING = {
    "'": re.compile(r"([^'\\]*(?:\\.[^'\\]*)*)'", re.DOTALL),
    '"': re.compile(r'([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL),
}
_WORDS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "gt": ">",
    "le": "<=",
    "ge": ">=",
    "and": "&&",
    "or": "||",
    "not": "!",
    "div": "/",
    "mod": "%",
}
_RESERVED = {"true", "false", "null", "empty", "instanceof"}
_LITERALS = {"true": True, "false": False, "null": None}

_COMPARISONS: dict[str, tuple[Callable[[Any, Any], bool], Callable[[Any, Any], bool]]] = {
    "==": (operator.eq, _equal),
    "!=": (operator.ne, lambda a, b: not _equal(a, b)),
    "<": (operator.lt, _less),
    ">": (operator.gt, _greater),
    "<=": (operator.le, _at_most),
    ">=": (operator.ge, _at_least),
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _remainder,
}
_POWER = {
    "||": 1,
    "&&": 2,
    "==": 3,
    "!=": 3,
    "<": 4,
    ">": 4,
    "<=": 4,
    ">=": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "%": 6,
}
"""How tightly the binary operators bind (EL 2.1 §1.6)."""

_OPERAND = "<IDENTIFIER>|<STRING>|<FLOAT>|<INTEGER>|'true'|'false'|'null'|'-'|'!'|'not'|'empty'|'('"


class _Parser:
    """One pass over a text: Pratt's operator precedence, closures as it goes."""

    __slots__ = ("at", "depth", "kind", "names", "position", "text", "tokens", "value", "yields_moments")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.tokens = 0
        self.names: dict[str, None] = {}
        self.kind = ""
        """Of the current token: `symbol`, `word`, `reserved`, `string`, `integer`, `float` or `end`."""
        self.value = ""
        self.position = 0
        self.yields_moments = False

    # tree := text? ((dynamic text?)+ | (deferred text?)+)?
    def tree(self) -> Expression:
        parts: list[tuple[Run, bool]] = []
        marker = ""
        while self.at < len(self.text):
            literal = self._literal_text()
            if literal:
                parts.append((_constant(literal, "").run, False))
            if self.at >= len(self.text):
                break
            found = self.text[self.at]
            if marker and found != marker:
                raise _Syntax(f"syntax error at position {self.at}, encountered '{found}{{', expected '{marker}{{'")
            marker = found
            parts.append((self._eval(), True))
        if not any(dynamic for _, dynamic in parts):
            return Expression(self.text, True, parts[0][0])
        names = tuple(self.names)
        if len(parts) == 1:
            return Expression(self.text, False, _leaving(parts[0][0]) if self.yields_moments else parts[0][0], names)
        return Expression(self.text, False, _composite(tuple(run for run, _ in parts)), names)

    def _literal_text(self) -> str:
        r"""Up to the next `${` or `#{`. As in JUEL `\${` is a literal `${`, and `\\` is one backslash."""
        parts: list[str] = []
        text, at = self.text, self.at
        escaped = False
        while at < len(text):
            char = text[at]
            if char == "\\" and not escaped:
                escaped = True
            else:
                if char in "#$" and text.startswith("{", at + 1):
                    if not escaped:
                        break
                elif escaped and char != "\\":
                    parts.append("\\")
                parts.append(char)
                # JUEL keeps the state after a double backslash: a third one is a backslash again.
                escaped = escaped and char == "\\"
            at += 1
        if escaped and at >= len(text):
            parts.append("\\")
        self.at = at
        return "".join(parts)

    def _eval(self) -> Run:
        self.at += 2
        self._next()
        node = self._expression()
        if self.kind != "symbol" or self.value != "}":
            self._fail("'}'")
        return node.run

    def _next(self) -> None:
        """Read the next token. After `}` nothing more is read: literal text follows."""
        self.tokens += 1
        if self.tokens > TOKENS_MAX:
            raise _Syntax(f"more than {TOKENS_MAX} symbols, words and literals (position {self.at})")
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            at = self.at + len(self.text[self.at :]) - len(self.text[self.at :].lstrip(" \t\r\n\f\v"))
            raise _Syntax(
                f"lexical error at position {at}, encountered invalid character '{self.text[at]}', "
                "expected expression token"
            )
        kind = found.lastgroup or "end"
        self.position = found.start(kind)
        self.at = found.end()
        self.kind, self.value = kind, found[kind]
        if kind == "quote":
            self._string(found[kind])
        elif kind == "word":
            if self.value in _WORDS:
                self.kind, self.value = "symbol", _WORDS[self.value]
            elif self.value in _RESERVED:
                self.kind = "reserved"

    def _string(self, quote: str) -> None:
        found = _STRING[quote].match(self.text, self.at)
        if found is None:
            raise _Syntax(
                f"lexical error at position {self.position}, encountered unterminated string, expected {quote}"
            )
        body = found[1]
        if "\\" in body:
            wrong = next((m[1] for m in re.finditer(r"\\(.)", body, re.DOTALL) if m[1] not in ("\\", quote)), None)
            if wrong is not None:
                raise _Syntax(
                    f"lexical error at position {self.position}, encountered invalid escape sequence \\{wrong}, "
                    f"expected \\{quote} or \\\\"
                )
            body = re.sub(r"\\(.)", r"\1", body, flags=re.DOTALL)
        self.kind, self.value, self.at = "string", body, found.end()

    def _fail(self, expected: str) -> NoReturn:
        encountered = "null" if self.kind == "end" else _shown(self.value)
        raise _Syntax(f"syntax error at position {self.position}, encountered '{encountered}', expected {expected}")

    def _is(self, symbol: str) -> bool:
        return self.kind == "symbol" and self.value == symbol

    def _take(self, symbol: str) -> None:
        if not self._is(symbol):
            self._fail(f"'{symbol}'")
        self._next()

    def _made(self, run: Run, label: str, *children: _Node) -> _Node:
        height = 1 + max((child.height for child in children), default=0)
        if height > HEIGHT_MAX:
            raise _Syntax(f"position {self.position} is nested deeper than {HEIGHT_MAX} levels")
        return _Node(run, height, label)

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise _Syntax(f"position {self.position} is nested deeper than {DEPTH_MAX} levels")

    # expr := binary ('?' expr ':' expr)?
    def _expression(self) -> _Node:
        self._deeper()
        node = self._operators(1)
        if self._is("?"):
            self._next()
            yes = self._expression()
            self._take(":")
            no = self._expression()
            node = self._made(_choice(node.run, yes.run, no.run), "?", node, yes, no)
        self.depth -= 1
        return node

    def _operators(self, lowest: int) -> _Node:
        left = self._unary()
        while self.kind == "symbol":
            symbol = self.value
            power = _POWER.get(symbol, 0)
            if power < lowest:
                break
            if power <= 2:
                left = self._logical(symbol, power, left)
                continue
            self._next()
            right = self._operators(power + 1)
            left = self._made(self._applied(symbol, left, right), symbol, left, right)
        return left

    def _logical(self, symbol: str, power: int, first: _Node) -> _Node:
        """All operands of a chain of `&&` or `||` in one closure."""
        nodes = [first]
        while self._is(symbol):
            self._next()
            nodes.append(self._operators(power + 1))
        runs = tuple(node.run for node in nodes)
        return self._made(_and(runs) if symbol == "&&" else _or(runs), symbol, *nodes)

    @staticmethod
    def _applied(symbol: str, left: _Node, right: _Node) -> Run:
        if symbol in _ARITHMETIC:
            return _binary(left.run, right.run, _ARITHMETIC[symbol])
        fast, slow = _COMPARISONS[symbol]
        if type(right.value) in NUMBERS or type(right.value) in (str, bool):
            return _compare_constant(left.run, right.value, fast, slow)
        return _compare_fast(left.run, right.run, fast, slow)

    # unary := ('!' | '-' | 'empty') unary | value
    def _unary(self) -> _Node:
        apply: Callable[[Any], Any]
        if self._is("!"):
            apply = _not
        elif self._is("-"):
            apply = _negate
        elif self.kind == "reserved" and self.value == "empty":
            apply = _empty
        else:
            return self._value()
        label = self.value
        self._deeper()
        self._next()
        operand = self._unary()
        self.depth -= 1
        inner = operand.run
        return self._made(lambda resolver: apply(inner(resolver)), label, operand)

    # value := (nonliteral | literal) ('.' name params? | '[' expr ']' params?)*
    def _value(self) -> _Node:
        node = self._primary()
        while self.kind == "symbol":
            if self.value == ".":
                self._next()
                if self.kind != "word":
                    self._fail("<IDENTIFIER>")
                name = self.value
                self._next()
                if self._is("("):
                    args = self._arguments()
                    self.yields_moments = self.yields_moments or name == "jsonPath"
                    run = _call(node, _constant(name, name).run, args)
                    node = self._made(run, "<method>", node, *args)
                else:
                    node = self._made(_dot(node.run, name), f". {name}", node)
            elif self.value == "[":
                self._next()
                index = self._expression()
                self._take("]")
                if self._is("("):
                    args = self._arguments()
                    self.yields_moments = True
                    node = self._made(_call(node, index.run, args), "<method>", node, index, *args)
                else:
                    node = self._made(_bracket(node.run, index.run), "[...]", node, index)
            else:
                break
        return node

    def _arguments(self) -> list[_Node]:
        self._take("(")
        args: list[_Node] = []
        if not self._is(")"):
            args.append(self._expression())
            while self._is(","):
                self._next()
                args.append(self._expression())
        self._take(")")
        return args

    def _primary(self) -> _Node:
        kind, value = self.kind, self.value
        if kind == "word":
            self._next()
            return self._name(value)
        if kind == "symbol" and value == "(":
            self._next()
            node = self._expression()
            self._take(")")
            return node
        node = self._literal(kind, value)
        self._next()
        return node

    def _literal(self, kind: str, value: str) -> _Node:
        if kind == "string":
            return _constant(value, f'"{value}"')
        if kind == "reserved" and value in _LITERALS:
            return _constant(_LITERALS[value], value)
        if kind == "integer":
            if len(value.lstrip("0")) > 19 or int(value[-20:]) > 0x7FFFFFFFFFFFFFFF:
                self._fail("<INTEGER>")
            return _constant(int(value[-20:]), value)
        if kind == "float":
            return _constant(float(value), value)
        return self._fail(_OPERAND)

    def _name(self, name: str) -> _Node:
        if not self._is("("):
            self.names[name] = None
            return self._made(_identifier(name), name)
        position = self.position
        args = self._arguments()
        if name not in _FUNCTIONS:
            raise _Syntax(f"Could not resolve function '{_shown(name)}' (position {position})")
        count, call = _FUNCTIONS[name]
        if len(args) != count:
            raise _Syntax(f"Parameters for function '{name}' do not match (position {position})")
        self.yields_moments = self.yields_moments or name == "dateTime"
        return self._made(_function(call, args), name, *args)


def _not(value: Any) -> bool:
    return not to_boolean(value)
