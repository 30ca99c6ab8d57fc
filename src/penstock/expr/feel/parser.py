"""Text to tree: expressions and unary tests (DMN 1.5 §10.3.1.2).

Precedence, loosest first: `or`, `and`, comparisons with `between` and `in`, `+ -`, `* /`, `**` (from the left),
negation (`-3 ** 2` is 9), `instance of`, then paths, filters and calls.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from penstock.expr.feel import tree
from penstock.expr.feel.lexer import FeelSyntaxError, Token, number, token_at
from penstock.expr.feel.names import Names, normal
from penstock.expr.feel.run import FeelError, shown
from penstock.expr.feel.temporal import parse_literal
from penstock.expr.feel.types import ANY, BY_NAME, ContextOf, FunctionOf, ListOf, RangeOf, Type

CHARS_MAX = 100_000
"""Longest expression."""
DEPTH_MAX = 60
"""Deepest nesting of brackets, keywords and prefixes."""
OPERATORS_MAX = 500
"""Longest chain of operators without brackets between them."""

KEYWORDS = frozenset(
    [
        "for",
        "return",
        "in",
        "if",
        "then",
        "else",
        "some",
        "every",
        "satisfies",
        "function",
        "external",
        "or",
        "and",
        "between",
        "instance",
        "of",
        "null",
        "true",
        "false",
    ]
)
_ENDS_NAME = KEYWORDS - {"of"}
"""What cannot follow inside of a name that nobody declared."""
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_LEVELS: dict[str, int] = {
    "or": 1,
    "and": 2,
    **dict.fromkeys(_COMPARISONS, 3),
    "between": 3,
    "in": 3,
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "**": 6,
}
_ADDITIVE = 4
PROPERTIES = ("time offset", "start included", "end included")
TYPE_PHRASES = ("days and time duration", "years and months duration", "date and time")

T = TypeVar("T")


class Vocabulary:
    """What a text may speak of. `names`: variables and functions; `properties`: what may follow a dot; `types`: the
    model's types by name. Only names of several words need to be there for a text to be understood.
    """

    def __init__(
        self, names: Names | None = None, properties: Names | None = None, types: Mapping[str, Type] | None = None
    ) -> None:
        self.names = names or Names()
        self.properties = properties or Names(PROPERTIES)
        self.types = types or {}
        self.type_names = Names([*TYPE_PHRASES, *self.types])


class Parser:
    """Reads one text."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        if len(text) > CHARS_MAX:
            raise FeelSyntaxError(f"an expression has at most {CHARS_MAX} characters", 0)
        self._text = text
        self._names = vocabulary.names
        self._properties = vocabulary.properties
        self._types = vocabulary.types
        self._type_names = vocabulary.type_names
        self._depth = 0
        self._unknown: Token | None = None
        self._token = token_at(text, 0)

    # --- entry points -------------------------------------------------------------------------------------------------

    def expression(self) -> tree.Node:
        """The whole text as one expression. Raises FeelSyntaxError."""
        found = self._expression()
        self._expect_end()
        return found

    def unary_tests(self) -> tree.Tests:
        """The whole text as unary tests: `-`, a list of tests, or `not(…)`. Raises FeelSyntaxError."""
        if self._is("-") and token_at(self._text, self._token.end).kind == "end":
            return tree.Tests(())
        if self._is_word("not"):
            found = self._attempt(self._negated_tests)
            if found is not None:
                return found
        tests = self._tests()
        self._expect_end()
        return tree.Tests(tests)

    def _negated_tests(self) -> tree.Tests:
        self._advance()
        self._expect("(")
        tests = self._tests()
        self._expect(")")
        self._expect_end()
        return tree.Tests(tests, negated=True)

    def _tests(self) -> tuple[tree.Node, ...]:
        tests = [self._test()]
        while self._accept(","):
            tests.append(self._test())
        return tuple(tests)

    def _test(self) -> tree.Node:
        operator = self._comparison_sign()
        if operator:
            return tree.UnaryRange(operator, self._binary(_ADDITIVE))
        return self._expression()

    # --- tokens -------------------------------------------------------------------------------------------------------

    def _advance(self) -> Token:
        token = self._token
        self._token = token_at(self._text, token.end)
        return token

    def _is(self, symbol: str) -> bool:
        return self._token.kind == "symbol" and self._token.text == symbol

    def _is_word(self, word: str) -> bool:
        return self._token.kind == "name" and self._token.text == word

    def _accept(self, symbol: str) -> bool:
        if self._is(symbol):
            self._advance()
            return True
        return False

    def _accept_word(self, word: str) -> bool:
        if self._is_word(word):
            self._advance()
            return True
        return False

    def _expect(self, symbol: str) -> None:
        if not self._accept(symbol):
            raise self._unexpected(f'"{symbol}"')

    def _expect_word(self, word: str) -> None:
        if not self._accept_word(word):
            raise self._unexpected(f'"{word}"')

    def _expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected("the end")

    def _unexpected(self, wanted: str) -> FeelSyntaxError:
        found = "the end" if self._token.kind == "end" else f'"{self._token.text}"'
        return FeelSyntaxError(f"{wanted} is expected instead of {found}{self._unknown_name()}", self._token.start)

    def _unknown_name(self) -> str:
        """Why a name that follows a name is wrong, or nothing."""
        if self._unknown is None or self._token.kind != "name" or self._token.text in _ENDS_NAME:
            return ""
        if self._text[self._unknown.end : self._token.start].strip():
            return ""
        name = normal(self._text[self._unknown.start : self._token.end])
        kind = "function" if token_at(self._text, self._token.end).text == "(" else "name"
        return f'; there is no {kind} "{shown(name)}"'

    def _comparison_sign(self) -> str:
        token = self._token
        if token.kind == "symbol" and token.text in _COMPARISONS:
            self._advance()
            return token.text
        return ""

    def _deeper(self, parse: Callable[[], T]) -> T:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise FeelSyntaxError(f"an expression is nested at most {DEPTH_MAX} deep", self._token.start)
        found = parse()
        self._depth -= 1
        return found

    def _attempt(self, parse: Callable[[], T]) -> T | None:
        """What `parse` finds; None, with nothing read, where the text is something else."""
        token, depth, names = self._token, self._depth, self._names
        try:
            return parse()
        except FeelSyntaxError:
            self._token, self._depth, self._names = token, depth, names
            return None

    def _with_names(self, names: Sequence[str], parse: Callable[[], T]) -> T:
        """Parses where more names are known."""
        outer = self._names
        self._names = outer.copy()
        for name in names:
            self._names.add(name)
        found = parse()
        self._names = outer
        return found

    # --- operators ----------------------------------------------------------------------------------------------------

    def _expression(self) -> tree.Node:
        return self._deeper(lambda: self._binary(1))

    def _binary(self, level: int) -> tree.Node:
        left = self._unary()
        operators = comparisons = 0
        while True:
            token = self._token
            found = _LEVELS.get(token.text, 0) if token.kind in ("symbol", "name") else 0
            if found < level:
                return left
            self._advance()
            operators += 1
            if operators > OPERATORS_MAX:
                raise FeelSyntaxError(f"at most {OPERATORS_MAX} operators follow each other", token.start)
            comparisons += found == _LEVELS["="]
            if comparisons > DEPTH_MAX:
                raise FeelSyntaxError(f"at most {DEPTH_MAX} comparisons follow each other", token.start)
            left = self._operation(token.text, found, left)

    def _operation(self, operator: str, level: int, left: tree.Node) -> tree.Node:
        if operator == "between":
            low = self._binary(_ADDITIVE)
            self._expect_word("and")
            return tree.Between(left, low, self._binary(_ADDITIVE))
        if operator == "in":
            return tree.In(left, self._in_tests())
        right = self._binary(level + 1)
        if operator in _COMPARISONS:
            return tree.Comparison(operator, left, right)
        if operator in ("and", "or"):
            return _logic(operator == "and", left, right)
        return _arithmetic(left, operator, right)

    def _in_tests(self) -> tuple[tree.Node, ...]:
        operator = self._comparison_sign()
        if operator:
            return (tree.UnaryRange(operator, self._binary(_ADDITIVE)),)
        if self._is("("):
            tests = self._attempt(lambda: self._deeper(self._parenthesised_tests))
            if tests is not None:
                return tests
        return (self._binary(_ADDITIVE),)

    def _parenthesised_tests(self) -> tuple[tree.Node, ...]:
        """`(a, < b)`, but nothing that is more than that, such as `(a..b)` or `(a).b`."""
        self._advance()
        tests = self._tests()
        self._expect(")")
        if self._token.kind == "symbol" and self._token.text in (".", "[", "(", "+", "-", "*", "/", "**"):
            raise self._unexpected("the end of the tests")
        return tests

    def _unary(self) -> tree.Node:
        if self._accept("-"):
            found = self._deeper(self._unary_operand)
            node: tree.Node = _negated(found)
        else:
            node = self._postfix()
        while self._is_word("instance"):
            self._advance()
            self._expect_word("of")
            node = tree.InstanceOf(node, self._type())
        return node

    def _unary_operand(self) -> tree.Node:
        return _negated(self._deeper(self._unary_operand)) if self._accept("-") else self._postfix()

    # --- paths, filters, calls ----------------------------------------------------------------------------------------

    def _postfix(self) -> tree.Node:
        node = self._primary()
        for _ in range(DEPTH_MAX):
            if self._accept("."):
                node = tree.Path(node, self._property())
            elif self._is("[") and not self._opens_range_end():
                self._advance()
                node = tree.Filter(node, self._with_names((), self._expression))
                self._expect("]")
            elif self._is("("):
                node = self._call(node)
            else:
                return node
        raise FeelSyntaxError(f"at most {DEPTH_MAX} paths, filters and calls follow each other", self._token.start)

    def _opens_range_end(self) -> bool:
        """Whether this `[` closes an interval, as in `[1..10[`: nothing that a filter could begin with follows."""
        follows = token_at(self._text, self._token.end)
        if follows.kind == "symbol":
            return follows.text in _AFTER_RANGE
        return follows.kind == "end" or (follows.kind == "name" and follows.text in _ENDS_NAME - _BEGINS)

    def _property(self) -> str:
        token = self._token
        if token.kind == "quoted":
            return self._advance().text
        if token.kind != "name":
            raise self._unexpected("a name")
        known = self._properties.longest(self._text, token.start, token.text)
        if known is not None:
            self._token = token_at(self._text, known[1])
            return known[0]
        words = [self._advance().text]
        while self._token.kind == "name" and self._token.text not in _ENDS_NAME:
            words.append(self._advance().text)
        return " ".join(words)

    def _call(self, function: tree.Node) -> tree.Node:
        self._expect("(")
        if self._accept(")"):
            return tree.Call(function, ())
        names: list[str] = []
        args: list[tree.Node] = []
        while True:
            name = self._argument_name()
            if name is not None:
                names.append(name)
            args.append(self._range_or_expression())
            if len(names) not in (0, len(args)):
                raise self._unexpected("arguments that all have names, or none")
            if not self._accept(","):
                break
        self._expect(")")
        return tree.Call(function, tuple(args), tuple(names) if names else None)

    def _argument_name(self) -> str | None:
        """The name before a colon, if the argument has one."""
        if self._token.kind not in ("name", "quoted"):
            return None
        token, start = self._token, self._token.start
        if token.kind == "quoted":
            self._advance()
        else:
            while self._token.kind == "name" or (self._token.kind == "symbol" and self._token.text in _INSIDE_NAMES):
                self._advance()
        if self._is(":"):
            name = token.text if token.kind == "quoted" else normal(self._text[start : self._token.start])
            self._advance()
            return name
        self._token = token
        return None

    # --- primaries ----------------------------------------------------------------------------------------------------

    def _primary(self) -> tree.Node:
        token = self._token
        if token.kind == "name":
            return self._word(token)
        if token.kind == "number":
            self._advance()
            return tree.Constant(number(token))
        if token.kind == "string":
            self._advance()
            return tree.Constant(token.text)
        if token.kind == "quoted":
            self._advance()
            return tree.Name(token.text)
        parse = _SYMBOLS.get(token.text) if token.kind == "symbol" else None
        if parse is None:
            raise self._unexpected("an expression")
        return parse(self)

    def _word(self, token: Token) -> tree.Node:
        known = self._names.longest(self._text, token.start, token.text)
        if known is not None:
            self._token = token_at(self._text, known[1])
            return tree.Name(known[0])
        word = token.text
        if word in _CONSTANTS:
            self._advance()
            return tree.Constant(_CONSTANTS[word])
        parse = _WORDS.get(word)
        if parse is not None:
            return self._deeper(lambda: parse(self))
        if word in KEYWORDS and word not in ("of", "external"):
            raise self._unexpected("an expression")
        self._unknown = self._advance()
        return tree.Name(word)

    def _input_value(self) -> tree.Node:
        self._advance()
        return tree.Name("?")

    def _at_literal(self) -> tree.Node:
        self._advance()
        token = self._token
        if token.kind != "string":
            raise self._unexpected("a text")
        self._advance()
        try:
            return tree.Constant(parse_literal(token.text))
        except FeelError as error:
            raise FeelSyntaxError(str(error), token.start) from None

    def _parentheses(self) -> tree.Node:
        self._advance()
        first = self._deeper(self._test)
        if self._accept(".."):
            return self._range_end(first, start_included=False)
        self._expect(")")
        return first

    def _brackets(self) -> tree.Node:
        self._advance()
        if self._accept("]"):
            return tree.ListLiteral(())
        first = self._deeper(self._test)
        if self._accept(".."):
            return self._range_end(first, start_included=True)
        items = [first]
        while self._accept(","):
            items.append(self._deeper(self._test))
        self._expect("]")
        return tree.ListLiteral(tuple(items))

    def _open_range(self) -> tree.Node:
        """`]1..10]`."""
        self._advance()
        first = self._expression()
        self._expect("..")
        return self._range_end(first, start_included=False)

    def _range_end(self, start: tree.Node, start_included: bool) -> tree.Node:
        end = self._expression()
        if self._accept("]"):
            return tree.Interval(start, start_included, end, end_included=True)
        if self._accept(")") or self._accept("["):
            return tree.Interval(start, start_included, end, end_included=False)
        raise self._unexpected('"]" or ")"')

    def _range_or_expression(self) -> tree.Node:
        is_range = self._token.kind == "symbol" and self._token.text in _COMPARISONS
        return self._deeper(self._test) if is_range else self._expression()

    def _braces(self) -> tree.Node:
        self._advance()
        return self._deeper(lambda: self._with_names((), self._entries))

    def _entries(self) -> tree.Node:
        entries: dict[str, tree.Node] = {}
        self._properties = self._properties.copy()
        while not self._is("}"):
            key = self._key()
            self._expect(":")
            if key in entries:
                raise FeelSyntaxError(f'the entry "{key}" is there twice', self._token.start)
            entries[key] = self._expression()
            self._names.add(key)
            self._properties.add(key)
            if not self._accept(","):
                break
        self._expect("}")
        return tree.ContextLiteral(tuple(entries.items()))

    def _key(self) -> str:
        if self._token.kind in ("string", "quoted"):
            return self._advance().text
        return self._name_until((":",), ())

    def _name_until(self, symbols: Sequence[str], words: Sequence[str]) -> str:
        """A name that is being declared: all up to one of these symbols or words."""
        start = self._token.start
        if self._token.kind != "name":
            raise self._unexpected("a name")
        while not (self._token.kind == "symbol" and self._token.text in symbols):
            if self._token.kind == "name" and self._token.text in words and self._token.start > start:
                break
            if self._token.kind not in ("name", "number") and self._token.text not in _INSIDE_NAMES:
                raise self._unexpected("the end of a name")
            self._advance()
        return normal(self._text[start : self._token.start])

    # --- keywords -----------------------------------------------------------------------------------------------------

    def _if(self) -> tree.Node:
        self._advance()
        condition = self._expression()
        self._expect_word("then")
        yes = self._expression()
        self._expect_word("else")
        return tree.Conditional(condition, yes, self._expression())

    def _for(self) -> tree.Node:
        self._advance()
        return self._iterate(lambda iterators: tree.For(iterators, self._after("return")), ("partial",))

    def _quantified(self) -> tree.Node:
        every = self._advance().text == "every"
        return self._iterate(lambda iterators: tree.Quantified(every, iterators, self._after("satisfies")), ())

    def _after(self, word: str) -> tree.Node:
        self._expect_word(word)
        return self._expression()

    def _iterate(self, finish: "Callable[[tuple[tree.Iterator, ...]], tree.Node]", names: Sequence[str]) -> tree.Node:
        def parse() -> tree.Node:
            iterators = [self._iterator()]
            while self._accept(","):
                iterators.append(self._iterator())
            return finish(tuple(iterators))

        return self._with_names(names, parse)

    def _iterator(self) -> tree.Iterator:
        name = self._advance().text if self._token.kind == "quoted" else self._name_until((), ("in",))
        self._expect_word("in")
        domain = self._expression()
        end = self._expression() if self._accept("..") else None
        self._names.add(name)
        return tree.Iterator(name, domain, end)

    def _function(self) -> tree.Node:
        start = self._token
        self._advance()
        if not self._is("("):
            self._token = start
            raise self._unexpected("an expression")
        self._advance()
        names: list[str] = []
        types: list[Type | None] = []
        while not self._is(")"):
            names.append(self._name_until((":", ",", ")"), ()))
            types.append(self._type() if self._accept(":") else None)
            if not self._accept(","):
                break
        self._expect(")")
        return self._with_names(names, lambda: self._function_body(names, types))

    def _function_body(self, names: Sequence[str], types: Sequence[Type | None]) -> tree.Node:
        external = self._accept_word("external")
        body = self._expression()
        return tree.FunctionLiteral(tuple(names), tuple(types), None if external else body)

    # --- types --------------------------------------------------------------------------------------------------------

    def _type(self) -> Type:
        return self._deeper(self._type_here)

    def _type_here(self) -> Type:
        start = self._token.start
        word = self._token.text
        if word in _GENERIC and token_at(self._text, self._token.end).text == "<":
            self._advance()
            self._advance()
            return _GENERIC[word](self)
        name = self._type_name()
        found = self._types.get(name) or BY_NAME.get(name)
        if found is None:
            raise FeelSyntaxError(f'there is no type "{name}"', start)
        return found

    def _type_name(self) -> str:
        token = self._token
        known = self._type_names.longest(self._text, token.start, token.text)
        if known is not None:
            self._token = token_at(self._text, known[1])
            return known[0]
        if token.kind == "quoted":
            return self._advance().text
        if token.kind != "name":
            raise self._unexpected("a type")
        words = [self._advance().text]
        while True:
            if self._token.kind == "name" and self._token.text not in _ENDS_NAME:
                words.append(" " + self._advance().text)
            elif self._is(".") and token_at(self._text, self._token.end).kind == "name":
                self._advance()
                words.append("." + self._advance().text)
            else:
                return "".join(words)

    def _list_type(self) -> Type:
        of = self._type()
        self._expect(">")
        return ListOf(of)

    def _range_type(self) -> Type:
        of = self._type()
        self._expect(">")
        return RangeOf(of)

    def _context_type(self) -> Type:
        entries: dict[str, Type] = {}
        while not self._is(">"):
            name = self._name_until((":",), ())
            self._expect(":")
            entries[name] = self._type()
            if not self._accept(","):
                break
        self._expect(">")
        return ContextOf(entries)

    def _function_type(self) -> Type:
        parameters: list[Type] = []
        while not self._is(">"):
            parameters.append(self._type())
            if not self._accept(","):
                break
        self._expect(">")
        return FunctionOf(parameters, self._type() if self._accept("->") else ANY)


_CONSTANTS: Mapping[str, Any] = {"null": None, "true": True, "false": False}
_INSIDE_NAMES = frozenset("+-*/.'")
_AFTER_RANGE = frozenset({*_COMPARISONS, ".", ",", ")", "]", "}", "*", "/", ".."})
_BEGINS = frozenset({"for", "if", "some", "every", "function", "null", "true", "false"})
_SYMBOLS: Mapping[str, Callable[[Parser], tree.Node]] = {
    "(": Parser._parentheses,
    "[": Parser._brackets,
    "]": Parser._open_range,
    "{": Parser._braces,
    "@": Parser._at_literal,
    "?": Parser._input_value,
}
_WORDS: Mapping[str, Callable[[Parser], tree.Node]] = {
    "if": Parser._if,
    "for": Parser._for,
    "some": Parser._quantified,
    "every": Parser._quantified,
    "function": Parser._function,
}
_GENERIC: Mapping[str, Callable[[Parser], Type]] = {
    "list": Parser._list_type,
    "range": Parser._range_type,
    "context": Parser._context_type,
    "function": Parser._function_type,
}


def _negated(node: tree.Node) -> tree.Node:
    if isinstance(node, tree.Constant) and type(node.value) is Decimal:
        return tree.Constant(node.value.copy_negate() if node.value else node.value)
    return tree.Negation(node)


def _logic(is_and: bool, left: tree.Node, right: tree.Node) -> tree.Node:
    if isinstance(left, tree.Logic) and left.is_and == is_and:
        left.items.append(right)
        return left
    return tree.Logic(is_and, [left, right])


def _arithmetic(left: tree.Node, operator: str, right: tree.Node) -> tree.Node:
    if isinstance(left, tree.Arithmetic) and _LEVELS[left.rest[0][0]] == _LEVELS[operator]:
        left.rest.append((operator, right))
        return left
    return tree.Arithmetic(left, [(operator, right)])
