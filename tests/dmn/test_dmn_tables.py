"""Decision tables by the standard: hit policies, aggregations, defaults, allowed values."""

from decimal import Decimal
from typing import Any

import pytest

from dmn.models import decision, definitions, inputs, table
from penstock.dmn import load

RULES = [["> 10", '"big"', "1"], ["> 5", '"middle"', "2"], ["> 0", '"small"', "3"]]


def decide(policy: str, x: Any, *, outputs: tuple[str, ...] = ("size", "n"), more: str = "", rules: Any = RULES) -> Any:
    rows = rules if len(outputs) == 2 else [[row[0], row[1 if outputs[0] != "n" else 2]] for row in rules]
    model = inputs("x") + decision("d", table(["x"], outputs, rows, policy, more), ["x"])
    return load(definitions(model)).evaluate("d", {"x": x})


BIG, MIDDLE, SMALL = ({"size": size, "n": Decimal(n)} for size, n in (("big", 1), ("middle", 2), ("small", 3)))


@pytest.mark.parametrize(
    ("policy", "x", "expected"),
    [
        ("UNIQUE", 3, SMALL),
        ("UNIQUE", 7, None),
        ("UNIQUE", 0, None),
        ("FIRST", 11, BIG),
        ("FIRST", 7, MIDDLE),
        ("ANY", 3, SMALL),
        ("ANY", 11, None),
        ("RULE ORDER", 7, [MIDDLE, SMALL]),
        ("COLLECT", 11, [BIG, MIDDLE, SMALL]),
        ("COLLECT", 0, []),
    ],
)
def test_hit_policies(policy: str, x: int, expected: Any) -> None:
    assert decide(policy, x) == expected


def test_any_takes_rules_that_agree() -> None:
    assert decide("ANY", 11, rules=[["> 10", '"yes"', "1"], ["> 5", '"yes"', "1.0"]]) == {"size": "yes", "n": 1}


_ORDERED = '<output id="o" name="size"><outputValues><text>"small", "big", "middle"</text></outputValues></output>'


def test_priority_and_output_order_follow_the_output_values() -> None:
    assert decide("PRIORITY", 11, outputs=(_ORDERED,)) == "small"
    assert decide("OUTPUT ORDER", 11, outputs=(_ORDERED,)) == ["small", "big", "middle"]


@pytest.mark.parametrize(("aggregation", "expected"), [("SUM", 6), ("COUNT", 3), ("MIN", 1), ("MAX", 3)])
def test_aggregations(aggregation: str, expected: int) -> None:
    assert decide("COLLECT", 11, outputs=("n",), more=f'aggregation="{aggregation}"') == expected


def test_nothing_to_aggregate() -> None:
    assert decide("COLLECT", 0, outputs=("n",), more='aggregation="COUNT"') == 0
    assert decide("COLLECT", 0, outputs=("n",), more='aggregation="SUM"') is None


def test_a_default_is_the_result_when_nothing_matches() -> None:
    output = '<output id="o" name="size"><defaultOutputEntry><text>"none"</text></defaultOutputEntry></output>'
    assert decide("UNIQUE", 0, outputs=(output,)) == "none"


def test_values_that_are_not_allowed_have_no_result() -> None:
    allowed = table(["x"], ["size"], [["-", '"any"']]).replace(
        "</inputExpression>", "</inputExpression><inputValues><text>[1..10]</text></inputValues>"
    )
    decisions = load(definitions(inputs("x") + decision("d", allowed, ["x"])))
    assert decisions.evaluate("d", {"x": 10}) == "any"
    found = decisions.evaluation("d", {"x": 11})
    assert (found.value, found.messages) == (None, ("x: the value is not allowed",))


def test_a_cell_that_is_no_feel_never_matches_and_is_named() -> None:
    decisions = load(definitions(inputs("x") + decision("d", table(["x"], ["o"], [["((", "1"], ["-", "2"]]), ["x"])))
    assert decisions.evaluate("d", {"x": 1}) == 2
    (problem,) = decisions.problems
    assert "'(('" in problem
