"""The index of a column finds the rules that the cells' own code finds."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import DMN

from penstock.dmn import load
from penstock.dmn.rule_index import RULES_MAX, Cell, ColumnIndex, places
from penstock.expr.feel import Environment, Run

ENVIRONMENT = Environment()
NUMBERS = st.sampled_from(["-1", "0", "1", "1.0", "1.5", "2", "3", "1e2"])
POINTS = st.one_of(
    NUMBERS,
    st.sampled_from(['"a"', '"b"', '""', "true", "null", '@"2020-01-01"']),
    st.builds("{} {}".format, st.sampled_from(["<", "<=", ">", ">=", "=", "!="]), NUMBERS),
    st.builds("{}{}..{}{}".format, st.sampled_from("[(]"), NUMBERS, NUMBERS, st.sampled_from("])[")),
    st.sampled_from(['< "b"', '!= "a"', "!= null", "? > 1", "[1, 2]", '["a", "b"]', "1 + 1", "x"]),
)
TESTS = st.lists(POINTS, min_size=1, max_size=3).map(", ".join)
CELLS = st.one_of(TESTS, TESTS.map("not({})".format))
VALUES: list[Any] = [*map(Decimal, ["-2", "-1", "0", "0.5", "1", "1.00", "1.2", "1.5", "2", "2.5", "3", "100", "101"])]
VALUES += ["a", "b", "c", "", True, False, None, [Decimal(1)]]


@given(st.lists(CELLS, max_size=8), st.sampled_from(VALUES))
def test_the_index_finds_what_the_cells_accept(texts: list[str], value: Any) -> None:
    tests = [ENVIRONMENT.tests(text) for text in texts]
    sure, unsure = ColumnIndex([test.accepted or Cell.OPEN for test in tests]).find(value)
    for place, test in enumerate(tests):
        if not unsure >> place & 1:
            assert bool(sure >> place & 1) is test.matches({"x": Decimal(1)}, Run(), value), texts[place]


def test_plain_cells_of_numbers_and_texts_are_never_evaluated() -> None:
    texts = ['"a"', '"a", "b"', "1", "< 10", "[1..10)", "> 3, < 1", 'not("a")', "not(1, 2)", "!= 7"]
    index = ColumnIndex([*(ENVIRONMENT.tests(text).accepted or Cell.OPEN for text in texts), Cell.ANY])
    assert [list(places(found)) for found in index.find(Decimal(1))] == [[2, 3, 4, 6, 8, 9], []]
    assert [list(places(found)) for found in index.find("a")] == [[0, 1, 7, 9], []]
    assert [list(places(found)) for found in index.find(None)] == [[9], list(range(9))]


def test_a_table_too_large_for_the_index_is_evaluated_cell_by_cell() -> None:
    cells = [ENVIRONMENT.tests("1").accepted or Cell.OPEN] * RULES_MAX
    assert ColumnIndex([*cells, Cell.ANY]).find(Decimal(1)) == (1 << RULES_MAX, (1 << RULES_MAX) - 1)
    assert ColumnIndex(cells).find(Decimal(1)) == ((1 << RULES_MAX) - 1, 0)


@pytest.mark.parametrize("dialect", ["dmn", "camunda7"])
@pytest.mark.parametrize("rules", [10, RULES_MAX + 10])
def test_a_table_of_mixed_cells(dialect: str, rules: int) -> None:
    rows = "".join(
        f'<rule id="r{n}"><inputEntry><text>{_first(n)}</text></inputEntry><inputEntry><text>{_second(n)}</text>'
        f"</inputEntry><outputEntry><text>{n}</text></outputEntry></rule>"
        for n in range(rules)
    )
    source = (
        f'<definitions xmlns="{DMN}" name="m" id="m" namespace="n"><inputData id="i1" name="a"/>'
        '<inputData id="i2" name="b"/><decision id="d" name="d"><informationRequirement><requiredInput href="#i1"/>'
        '</informationRequirement><informationRequirement><requiredInput href="#i2"/></informationRequirement>'
        '<decisionTable hitPolicy="COLLECT"><input id="c1"><inputExpression><text>a</text></inputExpression></input>'
        '<input id="c2"><inputExpression><text>b</text></inputExpression></input>'
        f'<output id="o" name="o"/>{rows}</decisionTable></decision></definitions>'
    )
    decisions: Any = load(source.encode(), dialect)
    found = decisions.evaluate("d", {"a": 7, "b": "s1"})
    numbers = [int(n) for n in found] if dialect == "dmn" else [int(rule["o"].value) for rule in found.rules]
    assert numbers == [n for n in range(rules) if (n > 7 or n % 4 == 3) and (n % 3 == 1 or n % 5 == 0)]


def _first(n: int) -> str:
    """Every fourth cell has to be evaluated."""
    return "? = 3 + 4" if n % 4 == 3 else f"&lt; {n}"


def _second(n: int) -> str:
    return "-" if n % 5 == 0 else f'"s{n % 3}"'
