"""Requirements, business knowledge models, decision services, boxed expressions, imports, types."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from dmn.models import decision, definitions, inputs, literal, table
from penstock.dmn import DmnRefused, UnknownDecision, load
from penstock.dmn.reader import NAMESPACES
from penstock.expr.feel import FeelError


def value(body: str, given: dict[str, Any] | None = None, name: str = "d", **options: Any) -> Any:
    return load(definitions(body)).evaluate(name, given or {}, **options)


def test_a_decision_sees_what_it_requires_and_nothing_else() -> None:
    body = inputs("first name", "hidden") + decision("a", literal('first name + "!"'), ["first name"])
    body += decision("d", literal("{greeting: a, other: hidden}"), ["=a"])
    assert value(body, {"first name": "Ada", "hidden": 1}) == {"greeting": "Ada!", "other": None}


def test_a_decision_is_evaluated_once() -> None:
    body = decision("base", literal("now()"))
    for name in "bc":
        body += decision(name, literal("base"), ["=base"])
    body += decision("d", literal("b = c"), ["=b", "=c"])
    assert value(body) is True


def test_requirements_in_a_circle_are_null() -> None:
    body = decision("a", literal("d"), ["=d"]) + decision("d", literal("{from: a}"), ["=a"])
    assert value(body) == {"from": None}


BKM = (
    '<businessKnowledgeModel id="twice" name="twice"><encapsulatedLogic><formalParameter name="n" typeRef="number"/>'
    + literal("n * 2")
    + "</encapsulatedLogic></businessKnowledgeModel>"
)
FACTORIAL = (
    '<businessKnowledgeModel id="fact" name="fact"><encapsulatedLogic><formalParameter name="n"/>'
    + literal("if n <= 1 then 1 else n * fact(n - 1)")
    + "</encapsulatedLogic></businessKnowledgeModel>"
)
JAVA = '<businessKnowledgeModel id="j" name="j"><encapsulatedLogic kind="Java"/></businessKnowledgeModel>'


def test_business_knowledge_models() -> None:
    assert value(BKM + decision("d", literal("twice(21)"), knows=["twice"])) == 42
    assert value(BKM + decision("d", literal('twice("x")'), knows=["twice"])) is None
    assert value(BKM, {"n": 4}, "twice") == 8
    assert value(FACTORIAL + decision("d", literal("fact(20)"), knows=["fact"])) == 2432902008176640000
    assert value(FACTORIAL + decision("d", literal("fact(100000)"), knows=["fact"])) is None
    assert value(JAVA + decision("d", literal("j()"), knows=["j"])) is None


def test_invocations_bind_by_name() -> None:
    logic = f'<invocation>{literal("twice")}<binding><parameter name="n"/>{literal("4 + 1")}</binding></invocation>'
    assert value(BKM + decision("d", logic, knows=["twice"])) == 10
    assert value(BKM + decision("d", logic.replace('name="n"', 'name="m"'), knows=["twice"])) is None


SERVICE = (
    inputs("x")
    + decision("rate", literal("x / 10"), ["x"])
    + decision("price", literal("rate * 100"), ["=rate"])
    + decision("tax", literal("price * 0.2"), ["=price"])
    + '<decisionService id="both" name="both"><outputDecision href="#price"/><outputDecision href="#tax"/>'
    '<encapsulatedDecision href="#rate"/><inputData href="#x"/></decisionService>'
    '<decisionService id="taxed" name="taxed"><outputDecision href="#tax"/><inputDecision href="#price"/></decisionService>'
)


def test_decision_services() -> None:
    assert value(SERVICE, {"x": 5}, "tax", service="both") == 10
    assert value(SERVICE, {"x": 5, "price": 500}, "tax", service="taxed") == 100
    body = SERVICE + decision("d", literal("{all: both(5), one: taxed(price: 50)}"), knows=["both", "taxed"])
    assert value(body) == {"all": {"price": 50, "tax": 10}, "one": 10}


def test_boxed_expressions() -> None:
    def entry(name: str, logic: str) -> str:
        return f'<contextEntry><variable name="{name}"/>{logic}</contextEntry>'

    numbers = f"<list>{literal('1')}{literal('2')}{literal('3')}</list>"
    rows = f"<row>{literal('1')}{literal('2')}</row><row>{literal('3')}{literal('4')}</row>"
    boxes = {
        "numbers": numbers,
        "relation": f'<relation><column name="p q"/><column name="r"/>{rows}</relation>',
        "conditional": f"<conditional><if>{literal('numbers[1] > 0')}</if><then>{literal('1')}</then>"
        f"<else>{literal('2')}</else></conditional>",
        "all": f'<for iteratorVariable="i"><in>{literal("numbers")}</in><return>{literal("i + count(partial)")}</return></for>',
        "some": f'<some iteratorVariable="i"><in>{literal("numbers")}</in><satisfies>{literal("i > 2")}</satisfies></some>',
        "every": f'<every iteratorVariable="i"><in>{literal("numbers")}</in><satisfies>{literal("i > 2")}</satisfies></every>',
        "odd ones": f"<filter><in>{literal('numbers')}</in><match>{literal('odd(item)')}</match></filter>",
        "third": f"<filter><in>{literal('relation')}</in><match>{literal('r = 4')}</match></filter>",
        "twice": f'<functionDefinition><formalParameter name="n"/>{literal("n * 2")}</functionDefinition>',
        "called": literal("twice(relation[1].p q)"),
    }
    found = value(decision("d", f"<context>{''.join(entry(*box) for box in boxes.items())}</context>"))
    assert found.pop("twice").parameters == ("n",)
    assert found == {
        "numbers": [1, 2, 3],
        "relation": [{"p q": 1, "r": 2}, {"p q": 3, "r": 4}],
        "conditional": 1,
        "all": [1, 3, 5],
        "some": True,
        "every": False,
        "odd ones": [1, 3],
        "third": [{"p q": 3, "r": 4}],
        "called": 2,
    }
    result = f"<context>{entry('a', literal('20'))}<contextEntry>{literal('a + 1')}</contextEntry></context>"
    assert value(decision("d", result)) == 21


TYPES = """
<itemDefinition name="tStatus"><typeRef>string</typeRef><allowedValues><text>"new", "old"</text></allowedValues></itemDefinition>
<itemDefinition name="tPerson"><itemComponent name="full name"><typeRef>string</typeRef></itemComponent>
  <itemComponent name="born"><typeRef>date</typeRef></itemComponent></itemDefinition>
<itemDefinition name="tPeople" isCollection="true"><typeRef>tPerson</typeRef></itemDefinition>
<itemDefinition name="tPair" isCollection="true"><typeRef>number</typeRef>
  <typeConstraint><text>count(?) = 2</text></typeConstraint></itemDefinition>
<itemDefinition name="tTree"><itemComponent name="children" isCollection="true"><typeRef>tTree</typeRef></itemComponent>
</itemDefinition>
"""
ADA = {"full name": "Ada", "born": dt.date(1815, 12, 10)}


@pytest.mark.parametrize(
    ("of", "given", "expected"),
    [
        ("number", [7], 7),
        ("number", "7", None),
        ("tStatus", "new", "new"),
        ("tStatus", "other", None),
        ("tPerson", ADA, ADA),
        ("tPerson", {**ADA, "more": 1}, {**ADA, "more": 1}),
        ("tPerson", {"full name": "Ada"}, None),
        ("tPeople", ADA, [ADA]),
        ("tPair", [1, 2], [1, 2]),
        ("tPair", [1, 2, 3], None),
        ("tTree", {"children": [{"children": []}]}, {"children": [{"children": []}]}),
        ("tTree", {"children": [{"children": [1]}]}, None),
        ("dateTime", dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        ("nonsense", 5, 5),
    ],
)
def test_values_are_made_to_fit_their_types(of: str, given: Any, expected: Any) -> None:
    assert value(TYPES + inputs(x=of) + decision("d", literal("x"), ["x"]), {"x": given}) == expected
    returned = decision("d", literal("x"), ["x"], of=of)
    assert value(TYPES + inputs("x") + returned, {"x": given}) == expected


def test_instance_of_does_not_look_at_allowed_values() -> None:
    assert value(TYPES + decision("d", literal('"other" instance of tStatus'))) is True
    assert value(TYPES + decision("d", literal("1 instance of tStatus"))) is False


def test_components_with_blanks_are_known_after_a_dot() -> None:
    body = TYPES + inputs(p="tPerson") + decision("d", literal("p.full name"), ["p"])
    assert value(body, {"p": ADA}) == "Ada"


def test_imports() -> None:
    other = "http://example.org/other"
    imported = definitions(TYPES + inputs("x") + BKM + decision("base", literal("x + 1"), ["x"]), namespace=other)
    body = (
        f'<import name="the lib" namespace="{other}" importType="{NAMESPACES}"/>'.replace(str(NAMESPACES), "dmn")
        + inputs(y="the lib.tStatus")
        + f'<decision id="d" name="d"><informationRequirement><requiredDecision href="{other}#base"/></informationRequirement>'
        f'<informationRequirement><requiredInput href="#y"/></informationRequirement>'
        f'<knowledgeRequirement><requiredKnowledge href="{other}#twice"/></knowledgeRequirement>'
        + literal("[the lib.twice(the lib.base), y]")
        + "</decision>"
    )
    decisions = load(definitions(body), imports={other: imported})
    assert decisions.evaluate("d", {f"{{{other}}}x": 4, "y": "new"}) == [10, "new"]
    assert decisions.evaluate("d", {f"{{{other}}}x": 4, "y": "bad"}) == [10, None]
    assert decisions.evaluate(f"{{{other}}}base", {f"{{{other}}}x": 4}) == 5


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_version_is_read(namespace: str) -> None:
    body = inputs("x") + decision("d", table(["x"], ["o"], [["1", "2"]]), ["x"])
    assert load(definitions(body, dmn=namespace)).evaluate("d", {"x": 1}) == 2


@pytest.mark.parametrize("data", [b"", b"<a/>", b"<definitions xmlns='x'/>", b"<!DOCTYPE a><a/>", b"{}"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(DmnRefused):
        load(data)


def test_what_is_not_there_is_said() -> None:
    decisions = load(definitions(SERVICE))
    with pytest.raises(UnknownDecision, match="rate, price, tax"):
        decisions.evaluate("nope", {})
    with pytest.raises(UnknownDecision):
        decisions.evaluate("rate", {}, service="taxed")
    with pytest.raises(UnknownDecision):
        decisions.evaluate("rate", {}, service="nope")
    with pytest.raises(FeelError):
        decisions.evaluate("rate", {"x": object()})


def test_an_expression_that_is_no_feel_is_null_and_named() -> None:
    decisions = load(definitions(decision("d", literal("1 +")) + decision("e", "<context/>")))
    assert decisions.evaluate("d", {}) is None
    assert decisions.evaluate("e", {}) == {}
    assert "'1 +'" in decisions.problems[0]
    other = literal("x").replace("<literalExpression", '<literalExpression expressionLanguage="ruby"')
    assert '"ruby"' in load(definitions(decision("d", other))).problems[0]


def test_an_evaluation_that_takes_too_long_is_null() -> None:
    found = load(definitions(decision("d", literal("for i in 1..100000 return i")))).evaluation("d", {})
    assert (found.value, found.messages) == (None, ("the evaluation takes too many steps",))


def test_numbers_have_34_digits() -> None:
    assert value(decision("d", literal("1 / 3"))) == Decimal("0." + "3" * 34)
