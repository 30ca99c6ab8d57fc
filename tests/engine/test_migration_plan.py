"""Migration plans: which instructions are generated, and what is wrong with those made by hand, in Camunda's words."""

import pytest

from bpmn.scenario import model
from engine.migrating import (
    CONDITION,
    MESSAGE,
    PARALLEL,
    SEQUENTIAL,
    SIGNAL,
    TIMER,
    Migration,
    boundary,
    handler,
    linear,
    sub,
    task,
)
from penstock.base.errors import Failure
from penstock.bpmn.elements import TABLE
from penstock.engine import migration_plan
from penstock.engine.definition import Definition
from penstock.expr.values import TypedValue

# ------------------------------------------------------------------------------------------ generated plans


@pytest.mark.parametrize(
    ("before", "after", "plan"),
    [
        (linear(task("a")), linear(task("a")), ["a"]),
        (linear(task("a")), linear(task("b")), []),
        (linear(task("a")), linear('<receiveTask id="a" messageRef="msg"/>'), []),
        # Service tasks have no instances that could be migrated; continuations have.
        (
            linear('<serviceTask id="a" camunda:expression="${1}"/>'),
            linear('<serviceTask id="a" camunda:expression="${1}"/>'),
            [],
        ),
        (
            linear('<serviceTask id="a" camunda:expression="${1}" camunda:asyncBefore="true"/>'),
            linear('<serviceTask id="a" camunda:expression="${1}" camunda:asyncBefore="true"/>'),
            ["a"],
        ),
        # Only what lies in the same scope is found.
        (linear(sub("s", task("a"))), linear(sub("s", task("a"))), ["a", "s"]),
        (linear(sub("s", task("a"))), linear(task("a")), []),
        (linear(task("a")), linear(sub("s", task("a"))), []),
        (linear(sub("s", task("a"))), linear(sub("t", task("a"))), []),
        (linear(task("a", PARALLEL)), linear(task("a", PARALLEL)), ["a", "a#multiInstanceBody"]),
        (linear(task("a", PARALLEL)), linear(task("a", SEQUENTIAL)), []),
        (linear(task("a", PARALLEL)), linear(task("a")), []),
        (linear(task("a")), linear(task("a", PARALLEL)), []),
        (
            linear(task("a"), boundary("e", "a", MESSAGE)),
            linear(task("a"), boundary("e", "a", MESSAGE)),
            ["a", "e"],
        ),
        (linear(task("a"), boundary("e", "a", MESSAGE)), linear(task("a"), boundary("e", "a", SIGNAL)), ["a"]),
        (linear(task("a"), boundary("e", "a", MESSAGE)), linear(task("a")), ["a"]),
        # A condition is only known to its model, so it is always updated.
        (
            linear(task("a"), boundary("e", "a", CONDITION)),
            linear(task("a"), boundary("e", "a", CONDITION)),
            ["a", "e!"],
        ),
        # An error waits for nothing that could be migrated.
        (
            linear(task("a"), boundary("e", "a", "<errorEventDefinition/>")),
            linear(task("a"), boundary("e", "a", "<errorEventDefinition/>")),
            ["a"],
        ),
        (
            linear(task("a"), handler("h", MESSAGE, task("x"))),
            linear(task("a"), handler("h", MESSAGE, task("x"))),
            ["a", "h", "h_on", "x"],
        ),
        (
            linear('<intermediateCatchEvent id="c">' + TIMER + "</intermediateCatchEvent>"),
            linear('<intermediateCatchEvent id="c">' + TIMER + "</intermediateCatchEvent>"),
            ["c"],
        ),
    ],
)
def test_generated(before: str, after: str, plan: list[str]) -> None:
    m = Migration(before, after)
    assert m.generated() == plan


def test_generated_with_triggers_updated() -> None:
    nodes = (
        task("a"),
        boundary("timer", "a", TIMER),
        boundary("message", "a", MESSAGE),
        '<receiveTask id="r" messageRef="msg"/>',
        '<callActivity id="call" calledElement="p"/>',
    )
    m = Migration(linear(*nodes), linear(*nodes))
    assert m.generated(update=True) == ["a", "call", "message!", "r!", "timer!"]
    assert m.generated() == ["a", "call", "message", "r", "timer"]


def test_what_was_generated_is_valid() -> None:
    nodes = (sub("s", task("a", SEQUENTIAL), boundary("e", "a", TIMER), handlers=handler("h", SIGNAL, task("x"))),)
    m = Migration(linear(*nodes), linear(*nodes))
    plan = m.generated(update=True)
    assert plan == ["a", "a#multiInstanceBody", "e!", "h", "h_on!", "s", "x"]
    m.check(", ".join(plan))


# ------------------------------------------------------------------------------------------ rules


def refusal(before: str, after: str, plan: str) -> dict[str, list[str]]:
    return Migration(before, after).failures(plan)


def test_activities_must_exist() -> None:
    assert refusal(linear(task("a")), linear(task("b")), "x b, a y, x y") == {
        "x b": ["Source activity 'x' does not exist"],
        "a y": ["Target activity 'y' does not exist"],
        "x y": ["Source activity 'x' does not exist", "Target activity 'y' does not exist"],
    }


def test_the_behaviour_must_be_the_same() -> None:
    assert refusal(linear(task("a")), linear('<receiveTask id="a" messageRef="msg"/>'), "a") == {
        "a": [
            "Activities have incompatible types (UserTaskActivityBehavior is not compatible with ReceiveTaskActivityBehavior)"
        ]
    }


def test_a_subprocess_may_become_one_that_is_triggered() -> None:
    after = linear(task("b"), handler("h", MESSAGE, task("a")))
    Migration(linear(sub("s", task("a"))), after).check("s h, a")


def test_events_must_be_of_the_same_type() -> None:
    before = linear(task("a"), boundary("e", "a", MESSAGE))
    assert refusal(before, linear(task("a"), boundary("e", "a", TIMER)), "a, e") == {
        "e": ["Events are not of the same type (boundaryMessage != boundaryTimer)"]
    }


def test_a_source_is_mapped_once() -> None:
    twice = (
        "There are multiple mappings for source activity id 'a': "
        "ValidatingMigrationInstructionImpl{sourceActivity=Activity(a), targetActivity=Activity(b)}, "
        "ValidatingMigrationInstructionImpl{sourceActivity=Activity(a), targetActivity=Activity(c)}"
    )
    assert refusal(linear(task("a")), linear(task("b"), task("c")), "a b, a c") == {"a b": [twice], "a c": [twice]}


def test_a_multi_instance_body_cannot_be_added() -> None:
    found = refusal(linear(task("a")), linear(task("a", PARALLEL)), "a")
    assert found == {
        "a": [
            "Target activity 'a' is a descendant of multi-instance body 'a#multiInstanceBody' that is not mapped from "
            "the source process definition."
        ]
    }


def test_a_body_is_mapped_with_what_is_in_it() -> None:
    m = linear(task("a", PARALLEL))
    assert refusal(m, m, "a#multiInstanceBody") == {
        "a#multiInstanceBody": [
            "Must map the inner activity of a multi-instance body when the body is mapped",
            "Cannot remove the inner activity of a multi-instance body when the body is mapped",
        ]
    }


def fork(*, flows: str, gateway: str = "parallelGateway") -> str:
    nodes = (
        f'<startEvent id="start"/><{gateway} id="fork"/>{task("a")}{task("b")}{task("d")}<{gateway} id="join"/>'
        '<endEvent id="end"/>'
    )
    return model(nodes, flows=f"start fork, join end, {flows}")


def test_a_gateway_never_gets_more_tokens_than_flows() -> None:
    three = fork(flows="fork a, fork b, fork d, a join, b join, d join")
    two = fork(flows="fork a, fork b, a join, b join, fork d, d end")
    Migration(two, three).check("join")
    assert refusal(three, two, "join") == {
        "join": [
            "The target gateway must have at least the same number of incoming sequence flows that the source gateway has"
        ]
    }


def test_one_gateway_is_mapped_to_one() -> None:
    plain = fork(flows="fork a, fork b, a join, b join, fork d, d end")
    once = "Only one gateway can be mapped to gateway 'join'"
    assert refusal(plain, plain, "fork join, join") == {"fork join": [once], "join": [once]}


def test_the_scope_of_a_gateway_is_mapped() -> None:
    inner = '<parallelGateway id="join"/>'
    assert refusal(linear(sub("s", inner)), linear(inner), "join") == {
        "join": ["The gateway's flow scope 's' must be mapped"]
    }


def test_a_boundary_event_goes_where_its_activity_goes() -> None:
    before = linear(task("a"), task("b"), boundary("e", "a", MESSAGE))
    after = linear(task("a"), task("b"), boundary("e", "b", MESSAGE))
    wrong = "The source activity's event scope (a) must be mapped to the target activity's event scope (b)"
    assert refusal(before, after, "a, e") == {"e": [wrong]}
    Migration(before, after).check("a b, e")


def test_a_trigger_is_updated_only_where_there_is_one() -> None:
    m = linear(task("a"))
    assert refusal(m, m, "a!") == {
        "a!": ["Cannot update event trigger because the activity does not define a persistent event trigger"]
    }


def test_scopes_are_not_reordered() -> None:
    before = linear(sub("outer", sub("inner", task("a"))))
    closest = "The closest mapped ancestor 'outer' is mapped to scope 'inner' which is not an ancestor of target scope 'outer'"
    assert refusal(before, before, "outer inner, inner outer, a") == {"inner outer": [closest]}


def test_what_leaves_its_scope_is_refused() -> None:
    before = linear(sub("s", task("a")), task("b"))
    assert refusal(before, before, "s, a b") == {
        "a b": ["The closest mapped ancestor 's' is mapped to scope 's' which is not an ancestor of target scope 'b'"]
    }


def test_a_condition_is_updated() -> None:
    m = linear(task("a"), boundary("e", "a", CONDITION))
    assert refusal(m, m, "a, e") == {"e": ["Conditional event has to migrate with update event trigger."]}


def test_no_variable_is_an_object_of_java() -> None:
    m = Migration(linear(task("a")), linear(task("a")))
    java = TypedValue(
        "Object", b"", {"objectTypeName": "X", "serializationDataFormat": "application/x-java-serialized-object"}
    )
    assert m.failures("a", v=java, w=1) == {
        "v": ["Cannot set variable with name v. Java serialization format is prohibited"]
    }


def test_tenants_are_not_changed() -> None:
    m = Migration(linear(task("a")), linear(task("a")))
    one, two = (_of_tenant(m.source, name) for name in ("one", "two"))
    with pytest.raises(Failure, match=r"ENGINE-2309 .* different tenants \('one' != 'two'\)"):
        migration_plan.check(one, two, (), {})
    migration_plan.check(one, m.target, (), {})


def _of_tenant(definition: Definition, tenant: str) -> Definition:
    return Definition.build(definition.process, id=f"{tenant}:1", version=1, deployment="d", tenant=tenant, table=TABLE)
