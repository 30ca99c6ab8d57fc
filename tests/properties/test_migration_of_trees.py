"""Any tree of scopes can become any other one around the same tasks: nothing is lost, and the instance ends."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bpmn.scenario import flow_elements, model
from engine.migrating import MESSAGES, Migration
from penstock.engine.events import ExecutionKind
from penstock.engine.migration_plan import check
from penstock.engine.migration_rules import RULES, Mapping, Mappings, filtered

TASKS = ("a", "b", "c", "d")
SCOPES = ("s", "t", "u")

Tree = dict[str, str]
"""Task or scope → the scope that it lies in, `p` for the process."""


@st.composite
def trees(draw: st.DrawFn) -> tuple[Tree, frozenset[str]]:
    """A tree, and which of its nodes have a boundary event. Every scope has a task somewhere inside."""
    tree: Tree = {}
    for at, scope in enumerate(SCOPES):
        tree[scope] = draw(st.sampled_from(("p", *SCOPES[:at])))
    for task in TASKS:
        tree[task] = draw(st.sampled_from(("p", *SCOPES)))
    used = {tree[task] for task in TASKS}
    for scope in reversed(SCOPES):
        if scope in used:
            used.add(tree[scope])
    kept = {node: parent for node, parent in tree.items() if node in TASKS or node in used}
    return kept, draw(st.frozensets(st.sampled_from(sorted(kept))))


def drawn(tree: Tree, watched: frozenset[str]) -> str:
    """Everything in a scope begins at once."""
    return model(_inside("p", tree, watched), roots=MESSAGES)


def _inside(scope: str, tree: Tree, watched: frozenset[str]) -> str:
    nodes = f'<startEvent id="{scope}_in"/><parallelGateway id="{scope}_fork"/>'
    flows = [f"{scope}_in {scope}_fork"]
    for node in (node for node, parent in tree.items() if parent == scope):
        nodes += f'<userTask id="{node}"/>' if node in TASKS else _sub(node, tree, watched)
        flows.append(f"{scope}_fork {node}")
        if node in watched:
            nodes += (
                f'<boundaryEvent id="{node}_on" attachedToRef="{node}"><messageEventDefinition messageRef="msg"/>'
                "</boundaryEvent>"
            )
    return nodes + flow_elements(", ".join(flows))


def _sub(scope: str, tree: Tree, watched: frozenset[str]) -> str:
    return f'<subProcess id="{scope}">{_inside(scope, tree, watched)}</subProcess>'


@settings(max_examples=60, deadline=None)
@given(before=trees(), after=trees(), done=st.sets(st.sampled_from(TASKS), max_size=3), scopes=st.booleans())
def test_any_tree_becomes_any_other(
    before: tuple[Tree, frozenset[str]], after: tuple[Tree, frozenset[str]], done: set[str], scopes: bool
) -> None:
    m = Migration(drawn(*before), drawn(*after)).start()
    for task in sorted(done):
        m.complete(task)
    plan = _plan(m, scopes=scopes)
    check(m.source, m.target, m.plan(plan), {})
    ids = m.ids()
    m.migrate(plan)
    left = sorted(set(TASKS) - done)
    assert m.waits() == left
    assert {task: m.ids()[task] for task in left} == {task: ids[task] for task in left}
    for task in left:
        assert _around(m, task) == _above(after[0], task)
    waiting = sorted(activity for _, _, activity in m.subscriptions())
    assert waiting == sorted(f"{node}_on" for node in after[1] for _ in range(_count(m, node)))
    for task in left:
        m.complete(task)
    assert m.ended == "COMPLETED"


def _around(m: Migration, task: str) -> list[str]:
    """The scopes that the task lies in, from the inside out."""
    found, executions = [], m.state.executions
    x = next(x for x in executions.values() if x.activity == task and x.activity_instance is not None)
    while x.parent is not None:
        if x.kind is ExecutionKind.SCOPE and x.scope_activity != task:
            found.append(x.scope_activity or "")
        x = executions[x.parent]
    return found


def _above(tree: Tree, task: str) -> list[str]:
    found = []
    while (task := tree[task]) != "p":
        found.append(task)
    return found


def _count(m: Migration, node: str) -> int:
    """How many instances of the activity live."""
    return sum(x.scope_activity == node and x.scope_instance is not None for x in m.state.executions.values())


def _plan(m: Migration, *, scopes: bool) -> str:
    """What has the same id, as far as it is valid."""
    found = Mappings(m.source.id, m.target.id)
    for a in m.source.activities.values():
        wanted = a.id in TASKS or (scopes and not a.id.endswith(("_in", "_fork")))
        if not a.is_process and wanted and a.id in m.target.activities:
            found.add(Mapping(a, m.target.activities[a.id], False))
    while True:
        valid = filtered(found, RULES)
        if len(valid.all) == len(found.all):
            return ", ".join(item.source.id for item in valid.all)
        # A scope that is in the way of a task gives way.
        gone = {item.source.id for item in found.all} - {item.source.id for item in valid.all}
        if gone & set(TASKS):
            found = Mappings(found.source, found.target, [item for item in found.all if item.source.id in TASKS])
        else:
            found = valid
