"""The activity instance tree is a function of the state."""

from penstock.api.process_instance.tree import activity_instances
from penstock.engine.behavior import ElementKind
from penstock.engine.definition import Definition
from penstock.engine.events import ExecutionKind
from penstock.engine.state import Execution, Incident, Instance, Phase
from penstock.model.graph import Loop, Node, Process


class _Task(ElementKind):
    name = "userTask"


class _Sub(ElementKind):
    name = "subProcess"
    composite = True

    def is_scope(self, node: Node) -> bool:
        return True


class _Body(ElementKind):
    name = "multiInstanceBody"
    composite = True


def _definition() -> Definition:
    nodes = {
        "a": Node(id="a", kind="userTask", parent="p", name="Task A"),
        "b": Node(id="b", kind="userTask", parent="p"),
        "sub": Node(id="sub", kind="subProcess", parent="p", name="Sub", children=("inner",)),
        "inner": Node(id="inner", kind="userTask", parent="sub"),
        "many": Node(id="many", kind="userTask", parent="p", loop=Loop(cardinality="2")),
    }
    process = Process(id="p", name="P", children=("a", "b", "sub", "many"), nodes=nodes)
    table = {"userTask": _Task(), "subProcess": _Sub(), "multiInstanceBody": _Body()}
    return Definition.build(process, id="p:1:x", version=1, deployment="d", tenant=None, table=table)


def _instance(*executions: Execution, incidents: tuple[Incident, ...] = ()) -> Instance:
    found = {execution.id: execution for execution in executions}
    for execution in executions:
        if execution.parent is not None:
            found[execution.parent].children[execution.id] = None
    return Instance(
        id="pi", root="pi", definition="p:1:x", executions=found, incidents={item.id: item for item in incidents}
    )


def _root(**at: object) -> Execution:
    return Execution("pi", None, ExecutionKind.INSTANCE, scope_activity="p", scope_instance="pi", **at)  # type: ignore[arg-type]


def _active(
    id: str, parent: str, activity: str, parent_instance: str, kind: ExecutionKind = ExecutionKind.PATH
) -> Execution:
    return Execution(
        id,
        parent,
        kind,
        phase=Phase.ACTIVE,
        activity=activity,
        activity_instance=f"{activity}:{id}",
        parent_instance=parent_instance,
    )


def _shape(node: dict[str, object]) -> object:
    children = node["childActivityInstances"]
    assert isinstance(children, list)
    return [node["activityId"], node["executionIds"], *[_shape(child) for child in children]]


def test_a_single_path_stands_on_the_instance() -> None:
    root = _root(phase=Phase.ACTIVE, activity="a", activity_instance="a:1", parent_instance="pi")
    tree = activity_instances(_instance(root), _definition())
    assert tree["id"] == "pi"
    assert tree["activityId"] == tree["processDefinitionId"] == "p:1:x"
    assert tree["activityType"] == "processDefinition"
    assert tree["name"] == "P"
    assert tree["parentActivityInstanceId"] is None
    (leaf,) = tree["childActivityInstances"]
    assert leaf["id"] == "a:1"
    assert leaf["parentActivityInstanceId"] == "pi"
    assert leaf["activityName"] == "Task A"
    assert leaf["activityType"] == "userTask"
    assert leaf["executionIds"] == ["pi"]


def test_concurrent_paths_have_their_own_executions() -> None:
    tree = activity_instances(
        _instance(_root(), _active("x", "pi", "a", "pi"), _active("y", "pi", "b", "pi")), _definition()
    )
    assert _shape(tree) == ["p:1:x", ["pi"], ["a", ["x"]], ["b", ["y"]]]


def test_a_scope_lists_its_scope_execution_and_its_parent_the_path_that_holds_it() -> None:
    path = Execution("path", "pi", ExecutionKind.PATH)
    scope = Execution(
        "s",
        "path",
        ExecutionKind.SCOPE,
        scope_activity="sub",
        scope_instance="sub:1",
        phase=Phase.ACTIVE,
        activity="inner",
        activity_instance="inner:1",
        parent_instance="sub:1",
    )
    tree = activity_instances(_instance(_root(), path, scope, _active("y", "pi", "b", "pi")), _definition())
    assert _shape(tree) == ["p:1:x", ["pi", "path"], ["sub", ["s"], ["inner", ["s"]]], ["b", ["y"]]]


def test_a_scope_activity_without_inside_is_one_node() -> None:
    scope = Execution(
        "s",
        "pi",
        ExecutionKind.SCOPE,
        scope_activity="a",
        scope_instance="a:1",
        phase=Phase.ACTIVE,
        activity="a",
        activity_instance="a:1",
        parent_instance="pi",
    )
    assert _shape(activity_instances(_instance(_root(), scope), _definition())) == ["p:1:x", ["pi"], ["a", ["s"]]]


def test_multi_instance_shows_its_body() -> None:
    body = "many#multiInstanceBody"
    scope = Execution("s", "pi", ExecutionKind.SCOPE, scope_activity=body, scope_instance=f"{body}:1")
    tree = activity_instances(
        _instance(_root(), scope, _active("x", "s", "many", f"{body}:1"), _active("y", "s", "many", f"{body}:1")),
        _definition(),
    )
    assert _shape(tree) == ["p:1:x", ["pi"], [body, ["s"], ["many", ["x"]], ["many", ["y"]]]]
    assert tree["childActivityInstances"][0]["activityType"] == "multiInstanceBody"


def test_kept_executions_do_not_show() -> None:
    kept = Execution("k", "pi", ExecutionKind.KEPT, scope_activity="sub", scope_instance="sub:0")
    root = _root(phase=Phase.ACTIVE, activity="a", activity_instance="a:1", parent_instance="pi")
    assert _shape(activity_instances(_instance(root, kept), _definition())) == ["p:1:x", ["pi"], ["a", ["pi"]]]


def test_waiting_before_an_activity_is_a_transition_with_its_incidents() -> None:
    root = _root(phase=Phase.BEFORE, activity="b")
    incident = Incident("i", "failedJob", "pi", "b")
    tree = activity_instances(_instance(root, incidents=(incident,)), _definition())
    assert tree["childActivityInstances"] == []
    (transition,) = tree["childTransitionInstances"]
    assert transition["id"] == transition["executionId"] == "pi"
    assert transition["activityId"] == transition["targetActivityId"] == "b"
    assert transition["parentActivityInstanceId"] == "pi"
    assert transition["incidents"] == [{"id": "i", "activityId": "b"}]
    assert tree["incidentIds"] == []


def test_an_incident_belongs_to_the_node_its_execution_stands_in() -> None:
    incident = Incident("i", "custom", "x", "a")
    tree = activity_instances(
        _instance(_root(), _active("x", "pi", "a", "pi"), _active("y", "pi", "b", "pi"), incidents=(incident,)),
        _definition(),
    )
    first, second = tree["childActivityInstances"]
    assert first["incidentIds"] == ["i"]
    assert second["incidentIds"] == []
    assert tree["incidentIds"] == []


def test_a_path_that_has_ended_but_stays_is_a_transition() -> None:
    body = "many#multiInstanceBody"
    scope = Execution("s", "pi", ExecutionKind.SCOPE, scope_activity=body, scope_instance=f"{body}:1")
    done = Execution("x", "s", ExecutionKind.PATH, activity="many")
    tree = activity_instances(_instance(_root(), scope, done, _active("y", "s", "many", f"{body}:1")), _definition())
    (node,) = tree["childActivityInstances"]
    assert [item["executionId"] for item in node["childTransitionInstances"]] == ["x"]
    assert _shape(node) == [body, ["s"], ["many", ["y"]]]
