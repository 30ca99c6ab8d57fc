"""What expressions are worth, one row each: text, value. FEEL itself says what a moment is."""

from decimal import Decimal
from typing import Any

import pytest

from penstock.expr.feel import FeelSyntaxError, evaluate

NAMES: dict[str, Any] = {
    "x": 2,
    "nothing": None,
    "name": "Ada",
    "loan": {"interest rate": Decimal("0.05"), "term": 36, "a-b": 7},
    "loan term": 12,
    "Mike's daughter - in - law": "Eve",
    "a": 10,
    "b": 4,
    "a-b": 99,
    "people": [{"name": "Ada", "age": 36}, {"name": "Bob", "age": 17}, {"age": 5}],
}

SAME = [
    # names with blanks and operators: the longest known one wins
    ("loan term", "12"),
    ("loan  term + 1", "13"),
    ("loan.interest rate", "0.05"),
    ("Mike's daughter - in - law", '"Eve"'),
    ("Mike's daughter-in-law", '"Eve"'),
    ("a-b", "99"),
    ("a - b", "99"),
    ("a+b", "14"),
    ("(a)-b", "6"),
    ("{a b: 1, c: a b + 1}.c", "2"),
    ('{"x y": 1}.x y', "1"),
    ("for loan item in [1] return loan item", "[1]"),
    ("`loan term`", "12"),
    # arithmetic
    ("-3 ** 2", "9"),
    ("3 ** 4 ** 5", "3486784401"),
    ("2 + 3 * 4 - 1", "13"),
    ("0.1 + 0.2", "0.3"),
    ("10 / 4", "2.5"),
    ("1 / 0", "null"),
    ('"a" + "b"', '"ab"'),
    ('"a" + 1', "null"),
    ("x + nothing", "null"),
    ("--x", "2"),
    # equality and order
    ("1 = 1.0", "true"),
    ('1 = "1"', "null"),
    ("nothing = null", "true"),
    ("1 != null", "true"),
    ('"a" < "b"', "true"),
    ("[1, {a: 2}] = [1.0, {a: 2.0}]", "true"),
    ("5 between 1 and 10", "true"),
    ("null between 1 and 10", "null"),
    ("x in (1, 2)", "true"),
    ("x in (> 2, < 2)", "false"),
    ("x in [1..2)", "false"),
    ("x in ]1..2]", "true"),
    ("[1, 2] in [[1, 2], [3]]", "true"),
    ("10 in (= 10)", "true"),
    ("(< 10) = (< 10)", "true"),
    # three-valued logic
    ("true and null", "null"),
    ("false and null", "false"),
    ("true or null", "true"),
    ('false or "a"', "null"),
    ("not(null)", "null"),
    # control
    ("if x > 1 then 1 else 2", "1"),
    ("if null then 1 else 2", "2"),
    ('if "a" then 1 else 2', "null"),
    ("for i in 3..1 return i", "[3, 2, 1]"),
    ("for i in 1..2, j in [i, i * 10] return j", "[1, 10, 2, 20]"),
    ("for i in 0..4 return if i = 0 then 1 else i * partial[-1]", "[1, 1, 2, 6, 24]"),
    ("for i in 1..3 return partial", "[[], [[]], [[], [[]]]]"),
    ("some p in people satisfies p.age > 30", "true"),
    ("every p in people satisfies p.age > 10", "false"),
    ("some v in [1, null] satisfies v > 1", "null"),
    ('for i in "a".."c" return i', "null"),
    # lists, filters, paths
    ("[1, 2, 3][-1]", "3"),
    ("[1, 2, 3][4]", "null"),
    ("[1, 2, 3][item > 1]", "[2, 3]"),
    ("people[age > 16].name", '["Ada", "Bob"]'),
    ('people[name = "Bob"].age', "[17]"),
    ("people.name", '["Ada", "Bob", null]'),
    ("people[count(people)].age", "5"),
    ("5[true]", "[5]"),
    ("null[1]", "null"),
    ("{a: 1}.b", "null"),
    # functions
    ("(function(p, q) p - q)(q: 1, p: 5)", "4"),
    ("(function(n: number) n)([7])", "7"),
    ('(function(n: number) n)("7")', "null"),
    ("(function(l: list<number>) l)(7)", "[7]"),
    ("{f: function(v) v * x, r: f(4)}.r", "8"),
    ("sort([3, 1, 2], function(p, q) p > q)", "[3, 2, 1]"),
    ("unknown(1)", "null"),
    ("abs(1, 2)", "null"),
    ("abs(m: 1)", "null"),
    ('matches("x", external)', "null"),
    # types
    ("1 instance of number", "true"),
    ("null instance of Any", "false"),
    ('[1, "a"] instance of list<number>', "false"),
    ("{a: 1, b: 2} instance of context<a: number>", "true"),
    ("{b: 2} instance of context<a: number>", "false"),
    ("[1..2] instance of range<number>", "true"),
    ("(function(n: number) n) instance of function<number> -> number", "true"),
    ("(function(n: number) n) instance of function<> -> number", "false"),
    ('@"P1D" instance of days and time duration', "true"),
]


@pytest.mark.parametrize(("text", "expected"), SAME, ids=[text for text, _ in SAME])
def test_is_worth(text: str, expected: str) -> None:
    assert evaluate(text, NAMES) == evaluate(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "a b c",
        "if 1 then 2",
        "[1, 2",
        "(1",
        '"open',
        "{a: 1, a: 2}",
        "1 instance of nonsense",
        '@"soon"',
        "x ! y",
    ],
)
def test_is_no_feel(text: str) -> None:
    with pytest.raises(FeelSyntaxError):
        evaluate(text, NAMES)


def test_comments_are_no_part_of_it() -> None:
    assert evaluate("1 + /* one */ 2 // and two") == 3


def test_escapes_make_characters() -> None:
    assert evaluate(r'"\u0041\U01F40E\ud83d\ude00\n\"\s"') == 'A\U0001f40e\U0001f600\n"\\s'
    assert evaluate('string length("\U0001f40e")') == 1
