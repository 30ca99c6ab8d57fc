"""The built-in functions, one row each: call, value. What the standard gives as an example is here as it gives it."""

import pytest

from penstock.expr.feel import evaluate
from penstock.expr.feel.builtins import LIBRARY

CALLS = [
    # numbers
    ("decimal(1/3, 2)", "0.33"),
    ("decimal(2.5, 0)", "2"),
    ("floor(-1.56, 1)", "-1.6"),
    ("ceiling(1.5)", "2"),
    ("round up(-5.5, 0)", "-6"),
    ("round down(-5.5, 0)", "-5"),
    ("round half up(5.5, 0)", "6"),
    ("round half down(5.5, 0)", "5"),
    ("round up(1.126, 2)", "1.13"),
    ("decimal(1, 7000)", "null"),
    ("abs(-1)", "1"),
    ('abs(@"-PT5H")', '@"PT5H"'),
    ("modulo(-12, 5)", "3"),
    ("modulo(10.1, -4.5)", "-3.4"),
    ("modulo(1, 0)", "null"),
    ("sqrt(16)", "4"),
    ("sqrt(-1)", "null"),
    ("log(0)", "null"),
    ("exp(1e10)", "null"),
    ("odd(-3)", "true"),
    ("even(2.5)", "false"),
    # texts
    ('substring("foobar", 3, 3)', '"oba"'),
    ('substring("foobar", -2, 1)', '"a"'),
    ('substring("foobar", 0)', "null"),
    ('upper case("aBc4")', '"ABC4"'),
    ('substring before("foobar", "bar")', '"foo"'),
    ('substring before("foobar", "xyz")', '""'),
    ('substring after("foobar", "ob")', '"ar"'),
    ('substring after("foobar", "")', '"foobar"'),
    ('contains(["foobar"], "of")', "false"),
    ('starts with("foobar", "fo")', "true"),
    ('ends with("foobar", "r")', "true"),
    ('matches("foobar", "^fo*b")', "true"),
    ('replace("abcd", "(ab)|(a)", "[1=$1][2=$2]")', '"[1=ab][2=]cd"'),
    ('replace("abc", "x*", "-")', "null"),
    ('split("a;b;c;;", ";")', '["a", "b", "c", "", ""]'),
    (r'split("John Doe", "\s")', '["John", "Doe"]'),
    ('string join(["a", null, "c"], "_and_")', '"a_and_c"'),
    ("string join([1])", "null"),
    # lists
    ("list contains([1, null], null)", "true"),
    ("count(null)", "null"),
    ("min(1, 2, 3)", "1"),
    ('max(["a", "b"])', '"b"'),
    ('max(1, "b")', "null"),
    ("sum([])", "null"),
    ('sum(@"P1D", @"PT1H")', '@"P1DT1H"'),
    ("mean([1, 2, 3])", "2"),
    ("product(2, 3, 4)", "24"),
    ("median(8, 2, 5, 3, 4)", "4"),
    ("median([6, 1, 2, 3])", "2.5"),
    ("stddev([47])", "null"),
    ("mode([6, 1, 9, 6, 1])", "[1, 6]"),
    ("mode([])", "[]"),
    ("all([])", "true"),
    ("all([true, null])", "null"),
    ("all([null, false])", "false"),
    ("any([false, null])", "null"),
    ("sublist([4, 5, 6], 1, 2)", "[4, 5]"),
    ("sublist([4, 5, 6], -1)", "[6]"),
    ("append([1], 2, 3)", "[1, 2, 3]"),
    ("concatenate([1, 2], [3])", "[1, 2, 3]"),
    ("insert before([1, 3], 1, 2)", "[2, 1, 3]"),
    ("remove([1, 2, 3], 2)", "[1, 3]"),
    ("list replace([2, 4, 7, 8], 3, 6)", "[2, 4, 6, 8]"),
    ("list replace([2, 4, 7, 8], function(item, newItem) item < newItem, 5)", "[5, 5, 7, 8]"),
    ("list replace([1], 0, 2)", "null"),
    ("reverse([1, 2])", "[2, 1]"),
    ("index of([1, 2, 3, 2], 2)", "[2, 4]"),
    ("union([1, 2], [2, 3])", "[1, 2, 3]"),
    (
        'distinct values([1, 2, 1.0, null, {a: 1}, {a: 1.0}, @"10:00:00Z", @"11:00:00+01:00"])',
        '[1, 2, null, {a: 1}, @"10:00:00Z"]',
    ),
    ("flatten([[1, [2]], [[3]], 4])", "[1, 2, 3, 4]"),
    # contexts
    ('get value({key: "v"}, "key")', '"v"'),
    ("get entries({a: 1})", '[{key: "a", value: 1}]'),
    ('context([{key: "a", value: 1}])', "{a: 1}"),
    ('context([{key: "a", value: 1}, {key: "a", value: 2}])', "null"),
    ('context put({a: 1}, "b", 2)', "{a: 1, b: 2}"),
    ('context put({x: 1, y: {a: 0}}, ["y", "a"], 2)', "{x: 1, y: {a: 2}}"),
    ("context merge([{a: 1}, {a: 2, b: 3}])", "{a: 2, b: 3}"),
    # conversion
    ('number("1 000,5", " ", ",")', "1000.5"),
    ('number("1,000.0", ",", ",")', "null"),
    ('number(from: "1.000,01", decimal separator: ",", grouping separator: ".")', "1000.01"),
    ('string({a: [1, "b"], c: null})', '"{a: [1, \\"b\\"], c: null}"'),
    ("string(1e3)", '"1000"'),
    ("string(1.10)", '"1.10"'),
    ('string(@"P14M")', '"P1Y2M"'),
    ("string(null)", "null"),
    ('range("[18..21)")', "[18..21)"),
    ('range("[2..)")', "(>= 2)"),
    ('range("")', "null"),
    # moments
    ('date("2017-02-29")', "null"),
    ('date(@"2017-08-14T14:25:00")', '@"2017-08-14"'),
    ('time(@"2017-08-14T14:25:00Z")', '@"14:25:00Z"'),
    ('date and time(@"2017-01-01", @"23:59:01@Europe/Paris")', '@"2017-01-01T23:59:01@Europe/Paris"'),
    ('time(11, 59, 45, @"-PT2H")', '@"11:59:45-02:00"'),
    ('duration("P1Y2M3D")', "null"),
    ('years and months duration(@"2011-12-22", @"2013-08-24")', '@"P1Y8M"'),
    ('years and months duration(@"2013-08-24", @"2011-12-22")', '@"-P1Y8M"'),
    ('day of year(@"2019-09-17")', "260"),
    ('day of week(@"2019-09-17")', '"Tuesday"'),
    ('month of year(@"2019-09-17")', '"September"'),
    ('week of year(@"2005-01-01")', "53"),
    ('is(@"23:00:50Z", @"23:00:50+00:00")', "true"),
    ('is(@"23:00:50Z", @"23:00:50")', "false"),
    # ranges
    ("before([1..10), [10..20])", "true"),
    ("after(12, [1..10])", "true"),
    ("meets([1..5], [5..10])", "true"),
    ("met by([5..10], [1..5))", "false"),
    ("overlaps([1..5], (5..8])", "false"),
    ("overlaps before([1..5], [3..8])", "true"),
    ("overlaps after([3..8], [1..5])", "true"),
    ("finishes(10, [1..10])", "true"),
    ("finished by([1..10], [5..10])", "true"),
    ("includes((1..10], 1)", "false"),
    ("during([4..6], [1..10])", "true"),
    ("starts(1, (1..10])", "false"),
    ("started by([1..10], [1..5])", "true"),
    ("coincides([1..5], [1..5])", "true"),
    ('before(1, "a")', "null"),
]


@pytest.mark.parametrize(("call", "expected"), CALLS, ids=[call for call, _ in CALLS])
def test_gives(call: str, expected: str) -> None:
    assert evaluate(f"[{call}] = [{expected}]") is True, evaluate(call)


def test_the_present_comes_from_outside() -> None:
    assert evaluate("now()") is None
    moment = 1_767_225_600_123_456_789
    assert evaluate("string(now())", now_ns=moment) == "2026-01-01T00:00:00.123456789Z"
    assert evaluate("string(today())", now_ns=moment) == "2026-01-01"


def test_every_function_refuses_what_does_not_fit() -> None:
    for name in LIBRARY.functions:
        for args in ("null", "null, null", "{a: 1}, {b: 2}, {c: 3}, {d: 4}, {e: 5}"):
            evaluate(f"{name}({args})", now_ns=0)
