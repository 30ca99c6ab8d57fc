"""The dialect of Camunda 7: types, hit policies, languages, errors in its words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dmn.models import decision, definitions, literal, table
from penstock.base.errors import DecisionFailed
from penstock.dmn import DmnRefused, UnknownDecision, load
from penstock.dmn.camunda.mapping import MAPPERS, host_object
from penstock.dmn.camunda.results import DecisionResult, Value
from penstock.expr.coerce import Problem
from penstock.expr.values import Integer


def run(body: str, given: dict[str, Any] | None = None, name: str = "d", **options: Any) -> DecisionResult:
    return load(definitions(body, **options), "camunda7").evaluate(name, given or {})


def results(*args: Any, **options: Any) -> list[dict[str | None, tuple[str | None, Any]]]:
    found = run(*args, **options)
    return [{name: (value.type, value.value) for name, value in rule.items()} for rule in found.rules]


def typed(of: str, text: str) -> str:
    return f'<decision id="d" name="D"><variable name="r" typeRef="{of}"/>{literal(text)}</decision>'


@pytest.mark.parametrize(
    ("of", "given", "expected"),
    [
        ("string", 5, ("String", "5")),
        ("string", True, ("String", "true")),
        ("boolean", "TRUE", ("Boolean", True)),
        ("integer", "12", ("Integer", 12)),
        ("integer", 12.0, ("Integer", 12)),
        ("long", 2**40, ("Long", 2**40)),
        ("double", 1, ("Double", 1.0)),
        ("double", "1.5", ("Double", 1.5)),
        ("date", "2020-01-02T03:04:05", ("Date", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC))),
        ("number", 5, (None, 5)),
        ("integer", None, ("Null", None)),
        ("date", datetime(2020, 1, 2, tzinfo=UTC), ("Date", datetime(2020, 1, 2, tzinfo=UTC))),
    ],
)
def test_results_have_the_declared_type(of: str, given: Any, expected: Any) -> None:
    assert results(typed(of, "x"), {"x": given}) == [{"r": expected}]


@pytest.mark.parametrize(
    ("of", "given"),
    [
        ("boolean", 1),
        ("integer", 1.5),
        ("integer", 2**31),
        ("long", "x"),
        ("double", "x"),
        ("double", True),
        ("date", "2020-01-02"),
    ],
)
def test_values_that_do_not_fit_fail(of: str, given: Any) -> None:
    with pytest.raises(DecisionFailed, match="DMN-01005 Invalid value"):
        run(typed(of, "x"), {"x": given})


def test_feel_gives_java_numbers() -> None:
    assert results(typed("", "4 / 2")) == [{"r": (None, 2)}]
    assert results(typed("", "1 / 4")) == [{"r": (None, 0.25)}]
    assert results(typed("", "unknown")) == [{"r": ("Null", None)}]
    assert results(typed("", '[1, {a: date("2020-01-01")}]')) == [{"r": (None, [1, {"a": "2020-01-01"}])}]


def test_functions_of_feel_scala() -> None:
    assert results(typed("", 'trim("  a ") + string(is defined(x)) + string(last day of month(@"2020-02-01"))')) == [
        {"r": (None, "afalse2020-02-29")}
    ]
    assert results(typed("", "number(5)")) == [{"r": ("Null", None)}]
    with pytest.raises(DecisionFailed):
        run(typed("", "x.size()"), {"x": [1]})


def test_hit_policies() -> None:
    rules = [["> 10", '"big"'], ["> 5", '"middle"']]
    assert results(decision("d", table(["x"], ["o"], rules, "FIRST")), {"x": 11}) == [{"o": (None, "big")}]
    both = [{"o": (None, "big")}, {"o": (None, "middle")}]
    for policy in ("COLLECT", "RULE ORDER"):
        assert results(decision("d", table(["x"], ["o"], rules, policy)), {"x": 11}) == both
    for policy, code in (("UNIQUE", "DMN-03001"), ("ANY", "DMN-03002")):
        with pytest.raises(DecisionFailed, match=f"{code} .* 'r0, r1'") as failed:
            run(decision("d", table(["x"], ["o"], rules, policy)), {"x": 11})
        assert failed.value.java == "DmnHitPolicyException"
    assert results(decision("d", table(["x"], ["o"], rules)), {"x": 1}) == []


@pytest.mark.parametrize(("aggregation", "expected"), [("SUM", 30), ("COUNT", 2), ("MIN", 10), ("MAX", 20)])
def test_aggregations(aggregation: str, expected: int) -> None:
    output = '<output id="o0" name="o" typeRef="integer"/>'
    body = decision("d", table(["x"], [output], [["-", "10"], ["-", "20"]], "COLLECT", f'aggregation="{aggregation}"'))
    found = run(body)
    assert found.rules == ({"o": Value("Integer", Integer(expected))},)
    assert found.evaluated[0].collect_result == Value("Integer", Integer(expected))


def test_aggregations_refuse_what_cannot_be_taken_together() -> None:
    mixed = [["-", "10"], ["-", '"a"']]
    with pytest.raises(DecisionFailed, match="DMN-03004"):
        run(decision("d", table(["x"], ["o"], mixed, "COLLECT", 'aggregation="SUM"')))
    with pytest.raises(DecisionFailed, match="DMN-03003"):
        run(decision("d", table(["x"], ["o", "p"], [["-", "1", "2"]], "COLLECT", 'aggregation="SUM"')))
    assert run(decision("d", table(["x"], ["o"], [["1", "1"]], "COLLECT", 'aggregation="SUM"'))).rules == ()


def test_juel_is_wrapped_and_knows_the_input() -> None:
    body = decision("d", table(["x"], ["o"], [["cellInput > 5 && other", '"a"'], ["${cellInput <= 5}", "x + 1"]]))
    juel = {"more": 'expressionLanguage="juel"'}
    assert results(body, {"x": 7, "other": True}, **juel) == [{"o": (None, "a")}]
    assert results(body, {"x": 3, "other": True}, **juel) == [{"o": (None, 4)}]
    with pytest.raises(DecisionFailed, match="Unknown property used in expression"):
        run(body, {"x": 7}, **juel)


def test_an_empty_cell_gives_no_output() -> None:
    assert results(decision("d", table(["x"], ["o", "p"], [["-", "", "1"]]))) == [{"p": (None, 1)}]


def test_scripts_need_somebody_to_run_them() -> None:
    body = typed("", "1 + x").replace("<literalExpression", '<literalExpression expressionLanguage="javascript"')
    decisions = load(definitions(body), "camunda7")
    with pytest.raises(DecisionFailed, match="javascript"):
        decisions.evaluate("d", {"x": 1})
    found = decisions.evaluate("d", {"x": 1}, run_script=lambda call: call.names.lookup("x") + 1)
    assert found.rules == ({"r": Value(None, 2)},)


def test_required_decisions_become_variables() -> None:
    body = decision("single", table(["x"], ["a"], [["-", "x + 1"]])) + decision(
        "many", table(["x"], ["b"], [["-", "1"], ["-", "2"]], "COLLECT")
    )
    body += decision("none", table(["x"], ["c"], [["0", "1"]]))
    body += decision("d", literal("[a, b, c]"), ["=single", "=many", "=none"])
    found = run(body, {"x": 5})
    assert [each.key for each in found.evaluated] == ["single", "many", "none", "d"]
    assert found.rules == ({"d": Value(None, [6, [1, 2], None])},)


def test_what_is_evaluated_is_told() -> None:
    (told,) = run(decision("d", table(["x"], ["o"], [["> 5", '"a"'], ["-", '"b"']], "FIRST")), {"x": 7}).evaluated
    assert [(each.clause_id, each.value.value) for each in told.inputs] == [("i0", 7)]
    assert [
        (each.clause_id, each.rule_id, each.rule_order, each.variable_name, each.value.value) for each in told.outputs
    ] == [("o0", "r0", 1, "o", "a")]
    assert told.elements == 4


RULE = [["-", "1"]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (decision("", literal("1")), "DMN-02010"),
        (decision("d", table(["x"], ["o"], RULE, "PRIORITY")), "DMN-02004"),
        (decision("d", table(["x"], ["", ""], [["-", "1", "2"]])), "DMN-02006"),
        (decision("d", table(["x"], ["o", "o"], [["-", "1", "2"]])), "DMN-02007"),
        (decision("d", table(["x"], ["o"], RULE).replace('id="i0"', "")), "DMN-02013"),
        (decision("d", table(["x"], ["o"], RULE).replace('id="o0"', "")), "DMN-02014"),
        (decision("d", table(["x"], ["o"], [["-"]])), "not one entry"),
        (decision("d", literal("1"), ["=d"]), "DMN-02015"),
        (decision("d", literal("1"), ["=e"]) + decision("e", literal("1"), ["=d"]), "DMN-02015"),
        (decision("d", literal("1"), ["=nope"]), "is not there"),
        (
            decision("d", literal("1")).replace("<decision ", '<decision camunda:historyTimeToLive="soon" '),
            "historyTimeToLive",
        ),
    ],
)
def test_models_that_cannot_be_deployed(body: str, message: str) -> None:
    with pytest.raises(DmnRefused, match=message):
        load(definitions(body), "camunda7")


def test_what_camunda_does_not_know_is_left_out() -> None:
    decisions = load(definitions(decision("d", "<context/>") + decision("e", literal("1"))), "camunda7")
    assert decisions.names == ("e",)
    assert decisions.model.graph is None
    with pytest.raises(UnknownDecision, match="it has: e"):
        decisions.evaluate("d", {})


TWO = DecisionResult(({"a": Value(None, 1)}, {"a": Value(None, 2), "b": Value(None, 3)}), ())


def test_mapping_of_several_results() -> None:
    assert MAPPERS["resultList"](TWO) == [{"a": 1}, {"a": 2, "b": 3}]
    for name in ("singleEntry", "singleResult", "collectEntries"):
        with pytest.raises(DecisionFailed):
            MAPPERS[name](TWO)


def test_the_result_as_expressions_see_it() -> None:
    seen = host_object(TWO)
    assert seen.properties["firstResult"]() == {"a": 1}
    assert seen.methods["collectEntries"][0]("a") == [1, 2]
    assert seen.methods["get"][0](1) == {"a": 2, "b": 3}
    assert (seen.methods["size"][0](), seen.methods["isEmpty"][0]()) == (2, False)
    for failing in (seen.properties["singleResult"], lambda: seen.methods["get"][0](2)):
        with pytest.raises(Problem):
            failing()


def test_a_large_table_is_not_given_up() -> None:
    rules = [[f"> {n}", str(n)] for n in range(5_000)]
    assert len(run(decision("d", table(["x"], ["o"], rules, "COLLECT")), {"x": 10_000}).rules) == 5_000


def test_an_endless_expression_is() -> None:
    with pytest.raises(DecisionFailed, match="too many steps"):
        run(typed("", "for i in 1..10000000 return i"))
