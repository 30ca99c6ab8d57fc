"""Python's values in and out, equality, and what a decision table's cell lets through."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.expr.feel import Environment, FeelError, Run, from_feel, to_feel
from penstock.expr.feel.equality import equal, fingerprint, less

_NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)
_SCALARS = st.none() | st.booleans() | st.text(max_size=5) | _NUMBERS | st.dates() | st.timedeltas() | st.datetimes()
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


@given(_VALUES)
def test_a_value_comes_back(value: Any) -> None:
    assert from_feel(to_feel(value)) == value


@given(_VALUES, _VALUES)
def test_equal_values_share_their_fingerprint(a: Any, b: Any) -> None:
    first, second = to_feel(a), to_feel(b)
    assert equal(first, first) is True
    assert (equal(first, second) is True) == (fingerprint(first, Run()) == fingerprint(second, Run()))


@given(_SCALARS, _SCALARS)
def test_at_most_one_of_two_is_less(a: Any, b: Any) -> None:
    first, second = to_feel(a), to_feel(b)
    assert not (less(first, second) and less(second, first))


@pytest.mark.parametrize("value", [object(), float("nan"), float("inf"), Decimal("NaN"), {1, 2}])
def test_is_no_feel_value(value: Any) -> None:
    with pytest.raises(FeelError):
        to_feel(value)


def test_deep_values_are_refused() -> None:
    value: Any = []
    for _ in range(500):
        value = [value]
    with pytest.raises(FeelError):
        to_feel(value)


@pytest.mark.parametrize(
    ("cell", "value", "passes"),
    [
        ("-", None, True),
        ('"gold", "silver"', "silver", True),
        ('not("gold", "silver")', "bronze", True),
        ('not("gold")', "gold", False),
        ("< 10", 9, True),
        ("< 10", None, False),
        ("> 5, < 2", 1, True),
        ("[1..5)", 5, False),
        ("(1..5]", Decimal("1.5"), True),
        ("1, 3", 3, True),
        ("null", None, True),
        ("not(null)", 1, True),
        ("true", True, True),
        ("true", False, False),
        ("false", False, True),
        ("? > limit", 11, True),
        ("? > limit and ? < 20", 25, False),
        ("limit + 1", 11, True),
        ("> limit", 11, True),
        ("[limit..20]", 15, True),
        ("known", "b", True),
        ("[1, 2]", [1, 2], True),
        ('contains(?, "a")', "cat", True),
        ('list contains(?, "a")', ["a", "b"], True),
        ("limit > 5", "anything", True),
        ('date("2020-01-01")', dt.date(2020, 1, 1), True),
        ('< date("2020-01-01")', dt.date(2019, 12, 31), True),
        ('"1"', 1, False),
        ("= 5", 5, True),
        ("!= 5", 5, False),
    ],
)
def test_a_cell(cell: str, value: Any, passes: bool) -> None:
    names = {"limit": to_feel(10), "known": ["a", "b"]}
    tests = Environment(names).tests(cell)
    assert tests.matches(names, Run(), to_feel(value)) is passes
