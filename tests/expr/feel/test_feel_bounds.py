"""What hostile or broken expressions do: they end soon, and take little."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.dmn.camunda.feel import ENVIRONMENT
from penstock.expr.feel import Environment, Exhausted, FeelError, FeelSyntaxError, Run, evaluate
from penstock.expr.feel.builtins.camunda import LIBRARY as CAMUNDA
from penstock.expr.feel.builtins.conversion import string
from penstock.expr.feel.convert import to_feel
from penstock.expr.feel.expression import UnaryTests
from penstock.expr.feel.parser import DEPTH_MAX, OPERATORS_MAX
from support.costs import assert_cheap

_ATTRIBUTES = [
    "__class__",
    "__class__.__mro__",
    "__class__.__base__.__subclasses__()",
    "__dict__",
    "__init__",
    "__init__.__globals__",
    "__globals__",
    "__builtins__",
    "__code__",
    "__reduce__()",
    "class",
    "getClass()",
    'getClass().forName("java.lang.Runtime")',
]
_BASES = ["1", '"a"', "{a: 1}", "x", "abs", "[1..2]", '@"P1D"', '@"2020-01-01"', "(function(a) a)", "true", "null"]
_DIGITS = "9" * 5000
_LONG = "a" * 5000

NULL = [
    *(f"{base}.{attribute}" for base in _BASES for attribute in _ATTRIBUTES),
    *(
        f"{name}(1)"
        for name in ("eval", "exec", "__import__", "open", "getattr", "globals", "vars", "compile", "format")
    ),
    'get value({}, "__class__")',
    'get value({a: 1}, "__dict__")',
    'x["__class__"][1]',
    '"{0.__class__}".format(x)',
    'format("{0.__class__}", x)',
    "abs.parameters",
    "abs._body",
    "(function(a) a)._frame",
    "abs.call(1)",
    "java.lang.System.exit(0)",
    '(function(a) external {java: {class: "java.lang.Runtime", method signature: "exec(java.lang.String)"}})("id")',
    "context put({}, 1, 2).a",
    "10 ** (10 ** (10 ** 10))",
    "2 ** 1000000000",
    "0 ** -1",
    "-1 ** 0.5",
    "exp(10 ** 10)",
    "decimal(1, 10 ** 30)",
    "floor(1, 10 ** 30)",
    "modulo(10 ** 6144, 7)",
    f'number("{_DIGITS}")',
    'number("1e999999999")',
    'number("٣")',
    'substring("abc", 10 ** 30)',
    'substring("abc", 1, 10 ** 30)[2]',
    "sublist([1], 10 ** 30)",
    "remove([1], 10 ** 30)",
    "[1, 2][10 ** 30]",
    "[1, 2][-(10 ** 30)]",
    "[1, 2][1.5]",
    "date(10 ** 30, 1, 1)",
    "time(10 ** 30, 1, 1)",
    "date(2020, 13, 1)",
    'date("99999999999-01-01")',
    f'date("{_DIGITS}-01-01")',
    f'duration("P{_DIGITS}Y")',
    f'time("10:00:00.{_DIGITS}{_DIGITS}x")',
    'date and time("2020-01-01T00:00:00@../../etc/passwd")',
    'time("10:00:00@/etc/passwd")',
    '@"999999999-12-31" + @"P999999999Y"',
    '@"999999999-12-31" + @"P1D" * 10 ** 20',
    'duration("PT999999999999999999S") * 10 ** 30',
    'duration("P1D") / 0',
    'matches("' + "a" * 2000 + r'", "(a*)*b\\1")',
    'matches("a", "(a{1000}){1000}")',
    'matches("a", "' + "(a|" * 100 + "a" + ")" * 100 + '")',
    'matches("a", "' + "(" * 5000 + '")',
    'matches("a", "a{99999}")',
    r'matches("a", "[\\p{L}-[\\p{Lu}-[\\p{Ll}-[a]]]")',
    'matches("a", "(?=a)")',
    'matches("a", "a", "z")',
    f'matches("a", "{_LONG}")',
    'replace("' + "a" * 1000 + r'", "(a)\\1*b", "x")[2]',
    'replace("a", "a*", "b")',
    'replace("a", "a", "$x")',
    "for i in 1..1e400 return i",
    'for i in @"2020-01-01"..5 return i',
    "every x in null satisfies true",
    "{f: function(n) f(n + 1), r: f(1)}.r",
    "sort([2, 1], function(a, b) a.__class__)",
    "uuid()",
    "string(for i in 1..60 return if i = 1 then [1] else [partial[-1], partial[-1]])",
    "\u212a()",
    "𝕖𝕧𝕒𝕝(1)",
]

REFUSED = [
    "for i in 1..1000000000 return i",
    "for i in 1..10000, j in 1..10000 return i",
    "for i in 1..1000 return for j in 1..1000 return i * j",
    "for i in 1..1000 return for j in 1..1000 return for k in 1..1000 return i",
    '[for i in @"0001-01-01"..@"999999999-01-01" return i]',
    "for i in 1..2900 return " + " + ".join(["i"] * 400),
    "for i in 1..2900 return [" + ", ".join(["i + 1"] * 100) + "]",
    "for i in 1..2900 return {" + ", ".join(f"a{n}: i" for n in range(100)) + "}",
    "for i in 1..2900 return (function(a) " + " + ".join(["a"] * 400) + ")(i)",
    "for i in 1..2900 return 1.234567 ** 1234.5678",
    "for i in 1..2900 return exp(1.2345678 + i)",
    "for i in 1..2900 return log(1.2345678 + i)",
    "for i in 1..2900 return string(10 ** 6000 + i)",
    'for i in 1..2900 return contains("' + "a" * 50_000 + '", "aaaaaaaaab")',
    'for i in 1..2900 return substring("' + "a" * 50_000 + '", 2)',
    'for i in 1..2900 return substring before("' + "a" * 50_000 + 'b", "b")',
    'for i in 1..2900 return upper case("' + "a" * 50_000 + '")',
    'for i in 1..2900 return matches("' + "a" * 50_000 + '", "(a+)+$")',
    'for i in 1..2900 return matches("x", string(i) + "([a-z]{1,30}){1,30}")',
    'for i in 1..2900 return date and time("2020-01-01T10:11:12@Europe/Paris") + duration("P1D")',
    'for i in 1..2900 return split("' + "a," * 5000 + '", ",")',
    "some a in 1..3000, b in 1..3000 satisfies a + b = 0",
    "some a in 1..300, b in 1..300, c in 1..300 satisfies a + b + c = 0",
    "every a in 1..100, b in 1..100, c in 1..100, d in 1..100 satisfies a < 1000",
    "every i in 1..100000000 satisfies true",
    "count([1, 2, 3][every i in 1..100000 satisfies i > 0])",
    "for a in [1, 2, 3], b in 1..1000 return [a, b, b, b]",
    'for i in 1..100 return if i = 1 then "aaaaaaaaaa" else partial[-1] + partial[-1]',
    'for i in 1..100 return if i = 1 then "ab" else replace(partial[-1], "[ab]", "$0$0")',
    'for i in 1..100 return if i = 1 then "ab" else string join([partial[-1], partial[-1]])',
    'for i in 1..100 return if i = 1 then ["ab"] else string([partial[-1], partial[-1]])',
    "for i in 1..100 return if i = 1 then [1] else concatenate(partial[-1], partial[-1])",
    "for i in 1..100 return if i = 1 then [1] else flatten([partial[-1], partial[-1]])",
    "for i in 1..100 return if i = 1 then [1] else append(partial[-1], partial)",
    "for i in 1..1000 return partial",
    'string join(for i in 1..5000 return "' + "a" * 100 + '")',
    'string join(for i in 1..2000 return "' + "a" * 100 + '")',
    'replace("' + "a" * 50 + '", "a", "' + "$0" * 3000 + '")',
    'replace("' + "a" * 20_000 + '", "a", "bb")',
    'replace("' + "a" * 20_000 + r'", "(a)\\1", "b")',
    'split("' + "a," * 20_000 + '", ",")',
    'split("' + "a," * 20_000 + '", "[,]")',
    "(function(f) f(f))(function(f) f(f))",
    "(function(f, n) f(f, n + 1))(function(f, n) f(f, n + 1), 1)",
    "(function(f, n) [f(f, n + 1), f(f, n + 1)])(function(f, n) [f(f, n + 1), f(f, n + 1)], 1)",
    "(function(f, n) if n = 0 then 1 else f(f, n - 1) + f(f, n - 1))"
    "(function(f, n) if n = 0 then 1 else f(f, n - 1) + f(f, n - 1), 40)",
    "sort(for i in 1..20000 return i, function(a, b) a < b)",
    "sort(for i in 1..1000 return -i, function(a, b) if a + 1 < b + 1 and a < b then a < b else false)",
    "flatten(for i in 1..200 return for j in 1..200 return j)",
    "distinct values(for i in 1..2900 return [i, i, i])",
    "union(for i in 1..2000 return i, for i in 1..2000 return i, for i in 1..2000 return i)",
    "count(for i in 1..2900 return {a: i, b: i})",
    "list contains(for i in 1..2900 return [i], [0])",
    "(for i in 1..1400 return i) = (for i in 1..1400 return i)",
    "median(for i in 1..2900 return i) + median(for i in 1..2900 return i)",
    "sum(for i in 1..2900 return i) + sum(for i in 1..2900 return i)",
    "get entries(context(for i in 1..1300 return {key: string(i), value: i}))",
    "for i in [1..1000000] return i",
    "(for i in 1..2000 return i)[item > (for j in 1..2000 return j)[1]]",
]

NO_FEEL = [
    "(" * 5000 + "1" + ")" * 5000,
    "(" * 61 + "1" + ")" * 61,
    "[" * 5000,
    "[" * 5000 + "1" + "]" * 5000,
    "-" * 5000 + "1",
    "not(" * 3000,
    "1" + " = 1" * 3000,
    "1" + " + 1" * 3000,
    "2" + " ** 2" * 3000,
    "true" + " and true" * 3000,
    "1" + " in 1" * 3000,
    "1 between 1 and " * 3000 + "1",
    "x instance of " + "list<" * 3000 + "number" + ">" * 3000,
    "{a: " * 3000,
    "{" + "a: {" * 100 + "}" * 100 + "}",
    "if true then " * 3000,
    "if true then 1 else " * 3000 + "1",
    "function(a) " * 3000 + "1",
    "x" + "[1]" * 5000,
    "x" + ".a" * 5000,
    "x" + "()" * 5000,
    "1e99999999",
    "random number()",
    "for i in [1..] return i",
    "9" * 100_001,
    '"' + "a" * 200_000 + '"',
    '"' + "\\" * 5001,
    "/*" * 5000,
    "for i in " * 1000,
    "for i in 1..2 return " * 1000 + "i",
    "some i in 1 satisfies " * 1000 + "true",
    "x; y",
    "import os",
    "lambda: 1",
    "[i for i in x]",
    "x := 1",
    "a\x00b",
    "\ud800",
    '"\\ud800"',
    "\u202e1",
    "$x",
    "%s" * 10,
    "#{x}",
    '@"' + "9" * 5000 + '-01-01"',
    '@"2020-01-01T00:00:00@../../etc/passwd"',
    "`" + "a" * 5000,
]


def test_there_are_enough() -> None:
    assert len({*NULL, *REFUSED, *NO_FEEL}) >= 200


def _outcome(text: str) -> object:
    """The value, or the exception, of an evaluation."""
    try:
        return evaluate(text, {"x": 1})
    except (FeelSyntaxError, Exhausted, FeelError) as error:
        return error


@pytest.mark.parametrize("text", NULL, ids=range(len(NULL)))
def test_is_null(text: str) -> None:
    assert _outcome(text) is None
    assert_cheap(lambda: _outcome(text))


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_is_given_up(text: str) -> None:
    assert isinstance(_outcome(text), Exhausted)
    assert_cheap(lambda: _outcome(text))


@pytest.mark.parametrize("text", NO_FEEL, ids=range(len(NO_FEEL)))
def test_is_not_read(text: str) -> None:
    assert isinstance(_outcome(text), FeelSyntaxError)
    assert_cheap(lambda: _outcome(text))


def test_what_is_allowed_grows_with_the_input() -> None:
    numbers = list(range(30_000))
    assert evaluate("count(numbers[item >= 10])", {"numbers": numbers}) == 29_990


def test_nesting_up_to_the_bound_is_fine() -> None:
    depth = DEPTH_MAX // 4
    assert evaluate("(" * depth + "1" + ")" * depth) == 1
    assert evaluate("1" + " + 1" * OPERATORS_MAX) == OPERATORS_MAX + 1
    assert evaluate("true" + " and true" * OPERATORS_MAX) is True
    assert evaluate("5000 in [" + ", ".join(map(str, range(9000))) + "]") is True


def test_messages_are_bounded() -> None:
    run = Run()
    Environment().expression("for i in 1..1000 return nothing").evaluate({}, run)
    assert 0 < len(run.messages) <= 100


_WORDS = st.sampled_from(
    [
        *("1", "2.5", "x", "y", "null", "true", "false", "item", "partial", "count", "sum", '"a"', '"P1D"', "@", "?"),
        *("[", "]", "(", ")", "{", "}", ",", ":", "..", ".", "+", "-", "*", "**", "/", "=", "!=", "<", "<=", ">", ">="),
        *("if", "then", "else", "for", "in", "return", "some", "every", "satisfies", "and", "or", "not", "between"),
        *("instance", "of", "function", "external", "list<number>"),
    ]
)


@settings(max_examples=300)
@given(st.lists(_WORDS, max_size=25).map(" ".join))
def test_any_text_ends_in_a_value_or_a_refusal(text: str) -> None:
    with suppress(FeelSyntaxError, Exhausted):
        evaluate(text, {"x": [1, {"a": 2}], "y": "b"})


@settings(max_examples=200)
@given(st.text(max_size=40))
def test_any_characters_end_in_a_value_or_a_refusal(text: str) -> None:
    with suppress(FeelSyntaxError, Exhausted):
        evaluate(text)


_ATOMS = st.sampled_from(
    [
        *(
            "x",
            "y",
            "item",
            "partial",
            "1",
            "-2",
            "0",
            "1.5",
            "10 ** 30",
            "1e6000",
            "null",
            "true",
            '""',
            '"a"',
            '"1"',
            '"P1D"',
        ),
        *("[]", "[1, 2]", "{}", "{a: 1}", "[1..5]", "(< 3)", '@"2020-02-29"', '@"10:11:12@Europe/Paris"', '@"P1Y2M"'),
        *('@"2020-01-01T00:00:00Z"', '@"-P1DT2H"', "function(a) a", "function(a, b) a < b", '"(a+)+$"', "count"),
    ]
)
_OPERATORS = st.sampled_from(["+", "-", "*", "/", "**", "=", "!=", "<", "<=", ">", ">=", "and", "or", "in"])
_FUNCTIONS = st.sampled_from(sorted(CAMUNDA.functions))
_GRAMMAR = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.builds("({}) {} ({})".format, inner, _OPERATORS, inner),
        st.builds("{}({})".format, _FUNCTIONS, inner),
        st.builds("{}({}, {})".format, _FUNCTIONS, inner, inner),
        st.builds("{}({}, {}, {})".format, _FUNCTIONS, inner, inner, inner),
        st.builds("if {} then {} else {}".format, inner, inner, inner),
        st.builds("for x in {} return {}".format, inner, inner),
        st.builds("{} x in {} satisfies {}".format, st.sampled_from(["some", "every"]), inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({}).{}".format, inner, st.sampled_from(["a", "year", "start", "time offset", "__class__"])),
        st.builds("({}) between {} and ({})".format, inner, inner, inner),
        st.builds("({})({})".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{a: {}, b: {}}}".format, inner, inner),
        st.builds("[({})..({})]".format, inner, inner),
        st.builds("(function(x) {})({})".format, inner, inner),
        st.builds("-({})".format, inner),
    ),
    max_leaves=10,
)


@settings(max_examples=400, deadline=None)
@given(_GRAMMAR)
def test_any_expression_has_a_value_or_is_given_up(text: str) -> None:
    names = {"x": [1, {"a": 2}], "y": "b"}
    with suppress(FeelSyntaxError, Exhausted):
        evaluate(text, names)
    for parse in (ENVIRONMENT.expression, Environment(names).tests):
        with suppress(FeelSyntaxError):
            parsed = parse(text)
            with suppress(Exhausted):
                if isinstance(parsed, UnaryTests):
                    assert type(parsed.matches({}, Run(0), "a")) is bool
                else:
                    with suppress(FeelError):  # Not every value has a text.
                        string(Run(0), parsed.evaluate({name: to_feel(value) for name, value in names.items()}, Run(0)))
