"""However the log is cut into runs, the rows are the same; and a run is as short as it can be."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from view_rows import DEFINITION, T0, Rows, log_row, uid

from penstock.engine import events as ev
from penstock.expr.values import TypedValue
from penstock.store.protocol import AnyChange, Change, DeleteWhere, RowChange, UpdateWhere
from penstock.views.projection import coalesce, project, project_all

A, B, NEW, NEWER = (uid(n) for n in (1, 2, 3, 4))
OLD_KEYS = [uid(n) for n in range(10, 14)]
NEW_KEYS = [uid(n) for n in range(20, 25)]


def row(change: Change, id: str, **values: Any) -> RowChange:
    return RowChange("variable", change, {"shard": 0xA1, "id": id, **values})


def insert(id: str, **values: Any) -> RowChange:
    return row(Change.INSERT, id, **values)


def update(id: str, **values: Any) -> RowChange:
    return row(Change.UPDATE, id, **values)


def delete(id: str) -> RowChange:
    return row(Change.DELETE, id)


X = uid(10)


def test_insert_and_updates_become_one_insert() -> None:
    found = coalesce([insert(X, name="a", revision=0), update(X, revision=1), update(X, live=True)])
    assert found == [insert(X, name="a", revision=1, live=True)]


def test_updates_merge_and_a_delete_ends_them() -> None:
    assert coalesce([update(X, name="a", live=True), update(X, name="b")]) == [update(X, name="b", live=True)]
    assert coalesce([update(X, name="a"), delete(X), update(X, name="b")]) == [delete(X)]


def test_what_begins_and_ends_in_a_run_leaves_nothing() -> None:
    assert coalesce([insert(X, name="a"), update(X, name="b"), delete(X)]) == []


def test_a_replaced_row_is_still_deleted() -> None:
    assert coalesce([update(X, name="a"), insert(X, name="b"), delete(X)]) == [delete(X)]


def test_wheres_of_one_kind_become_one_and_keep_their_place() -> None:
    off = {"live": False}
    changes: list[AnyChange] = [
        insert(X, instance_id=A, live=True),
        UpdateWhere("variable", "instance_id", (A,), off),
        insert(uid(11), instance_id=B, live=True),
        UpdateWhere("variable", "instance_id", (B,), off),
    ]
    assert coalesce(changes) == [changes[0], changes[2], UpdateWhere("variable", "instance_id", (A, B), off)]


def test_a_row_after_a_where_that_would_hit_it_stays_after() -> None:
    changes: list[AnyChange] = [DeleteWhere("variable", "instance_id", (A,)), insert(X, instance_id=A)]
    assert coalesce(changes) == changes


def test_opposite_wheres_keep_their_order() -> None:
    changes: list[AnyChange] = [
        UpdateWhere("task", "instance_id", (A,), {"suspended": suspended}) for suspended in (True, False, True)
    ]
    assert coalesce(changes) == changes


def test_an_instance_that_lives_within_one_run_costs_one_insert_per_row() -> None:
    unit = [
        ev.InstanceStarted(None, "start"),
        ev.VariableSet(uid(5), A, "v", TypedValue("Integer", 1), 0, A, initial=True),
        ev.ActivityStarted(A, "start", "start:" + uid(6), A, "startEvent"),
        ev.ActivityEnded(A, "start", "start:" + uid(6), T0),
        ev.InstanceEnded(ev.InstanceState.COMPLETED, None, "end"),
    ]
    found = project_all([log_row(unit)])
    assert {type(change) for change in found} == {RowChange}
    assert sorted((change.table, change.change) for change in found if isinstance(change, RowChange)) == [
        (table, Change.INSERT) for table in ("activity_instance", "detail", "process_instance", "variable")
    ]
    assert Rows().apply(found).only("variable")["live"] is True


@st.composite
def runs(draw: st.DrawFn) -> list[AnyChange]:
    """Changes of the table `variable` that keep what `coalesce` takes for granted, and begin two instances."""
    changes: list[AnyChange] = []
    instances = [A, B]
    executions = st.sampled_from(["e1", "e2", "e3"])
    columns = st.dictionaries(st.sampled_from(["name", "text_value", "state"]), st.sampled_from(["x", "y"]))
    for _ in range(draw(st.integers(0, 25))):
        kind = draw(
            st.sampled_from(["begin", "insert", "insert", "update", "update", "move", "delete", "set", "remove"])
        )
        if kind == "begin" and len(instances) < 4:
            instances.append([NEW, NEWER][len(instances) - 2])
            changes.append(RowChange("process_instance", Change.INSERT, {"shard": 0xA1, "id": instances[-1]}))
        elif kind == "insert":
            # A key belongs to one instance for ever.
            number = draw(st.integers(0, len(NEW_KEYS) - 1))
            instance = [A, B, NEW, NEWER, A][number]
            if instance in instances:
                changes.append(
                    insert(NEW_KEYS[number], instance_id=instance, execution_id=draw(executions), **draw(columns))
                )
        elif kind == "update":
            changes.append(update(draw(st.sampled_from(OLD_KEYS + NEW_KEYS)), **draw(columns)))
        elif kind == "move":
            changes.append(update(draw(st.sampled_from(OLD_KEYS + NEW_KEYS)), execution_id=draw(executions)))
        elif kind == "delete":
            changes.append(delete(draw(st.sampled_from(OLD_KEYS + NEW_KEYS))))
        else:
            column, values = draw(
                st.one_of(
                    st.tuples(st.just("instance_id"), st.lists(st.sampled_from(instances), min_size=1, max_size=2)),
                    st.tuples(st.just("execution_id"), st.lists(executions, min_size=1, max_size=2)),
                    st.tuples(st.just("id"), st.lists(st.sampled_from(OLD_KEYS + NEW_KEYS), min_size=1, max_size=2)),
                )
            )
            if kind == "remove":
                changes.append(DeleteWhere("variable", column, tuple(values)))
            else:
                to = draw(st.one_of(columns, st.fixed_dictionaries({"execution_id": executions})))
                changes.append(UpdateWhere("variable", column, tuple(values), to))
    return changes


def stored() -> Rows:
    """What the store holds before."""
    return Rows().apply(
        insert(id, instance_id=[A, B][n % 2], execution_id=f"e{n % 3 + 1}", name=id) for n, id in enumerate(OLD_KEYS)
    )


@given(runs())
@settings(max_examples=250, deadline=None)
def test_a_coalesced_run_has_the_same_effect(changes: list[AnyChange]) -> None:
    before = [(c.table, dict(c.values) if isinstance(c, RowChange) else tuple(c.values)) for c in changes]
    assert stored().apply(coalesce(changes)).all() == stored().apply(changes).all()
    assert before == [(c.table, dict(c.values) if isinstance(c, RowChange) else tuple(c.values)) for c in changes]


class Simulated:
    """A process instance that does random but possible things."""

    def __init__(self, number: int) -> None:
        self.tail = f"{number:03x}"
        self.id = self.new_id(number * 1000)
        self.next = number * 1000
        self.revision = 0
        self.ended = False
        self.variables: dict[str, tuple[str, int]] = {}
        self.paths: dict[str, list[str]] = {}
        self.tasks: list[str] = []
        self.active: list[str] = []

    def new_id(self, number: int) -> str:
        return uid(number, self.tail)

    def fresh(self) -> str:
        self.next += 1
        return self.new_id(self.next)

    def unit(self, choices: list[int]) -> ev.InstanceEvents:
        events: list[Any] = [] if self.revision else [ev.InstanceStarted("key", "start", definition_name="Order")]
        self.revision += 1
        for choice in choices:
            if not self.ended:
                events.extend(self.steps()[choice % 13]())
        return ev.InstanceEvents(self.id, self.id, self.revision, T0 + self.revision, DEFINITION, events)

    def steps(self) -> list[Any]:
        return [
            self.set_variable,
            self.set_variable,
            self.set_again,
            self.remove_variable,
            self.fork,
            self.local,
            self.fold,
            self.task,
            self.change_task,
            self.end_task,
            self.activity,
            self.suspend,
            self.end,
        ]

    def set_variable(self) -> list[Any]:
        id = self.fresh()
        self.variables[id] = (self.id, 0)
        return [ev.VariableSet(id, self.id, "v", TypedValue("Integer", self.next), 0, self.id)]

    def set_again(self) -> list[Any]:
        if not self.variables:
            return []
        id, (scope, revision) = next(iter(self.variables.items()))
        self.variables[id] = (scope, revision + 1)
        return [ev.VariableSet(id, scope, "v", TypedValue("String", str(revision)), revision + 1, self.id)]

    def remove_variable(self) -> list[Any]:
        if not self.variables:
            return []
        id, (scope, _) = self.variables.popitem()
        return [ev.VariableRemoved(id, scope, "v")]

    def fork(self) -> list[Any]:
        id = self.fresh()
        self.paths[id] = []
        return [ev.ExecutionCreated(id, self.id, ev.ExecutionKind.PATH)]

    def local(self) -> list[Any]:
        if not self.paths:
            return self.fork()
        path, owned = next(iter(self.paths.items()))
        id = self.fresh()
        owned.append(id)
        return [ev.VariableSet(id, path, "local", TypedValue("Integer", 1), 0, self.id)]

    def fold(self) -> list[Any]:
        if not self.paths:
            return []
        path, owned = self.paths.popitem()
        if len(owned) % 2:
            return [ev.ExecutionEnded(path, owned)]
        return [ev.ExecutionFolded(path, self.id, "a", variables=owned)]

    def task(self) -> list[Any]:
        id = self.fresh()
        self.tasks.append(id)
        return [
            ev.TaskCreated(id, self.id, None, "t", assignee="x"),
            ev.IdentityLinkAdded(id, "candidate", "u", link=self.fresh()),
        ]

    def change_task(self) -> list[Any]:
        return [ev.TaskChanged(self.tasks[0], {"assignee": str(self.next)}, {"assignee": "x"})] if self.tasks else []

    def end_task(self) -> list[Any]:
        return [ev.TaskEnded(self.tasks.pop(), "completed", T0)] if self.tasks else []

    def activity(self) -> list[Any]:
        if len(self.active) > 2:
            id = self.active.pop()
            return [ev.ActivityEnded(self.id, "a", id, T0)]
        self.active.append("a:" + self.fresh())
        return [ev.ActivityStarted(self.id, "a", self.active[-1], self.id, "task")]

    def suspend(self) -> list[Any]:
        return [ev.SuspensionSet(self.next % 2 == 0)]

    def end(self) -> list[Any]:
        self.ended = True
        tasks = [ev.TaskEnded(task, "deleted", T0) for task in self.tasks]
        return [*tasks, ev.InstanceEnded(ev.InstanceState.COMPLETED, started_ms=T0)]


@st.composite
def logs(draw: st.DrawFn) -> list[ev.LogRow]:
    """Rows of the log of up to four instances; ended ones are deleted now and then."""
    instances = [Simulated(number) for number in range(1, 5)]
    rows = []
    deleted: set[str] = set()
    for _ in range(draw(st.integers(1, 10))):
        units = []
        for instance in draw(st.lists(st.sampled_from(instances), unique=True)):
            if not instance.ended:
                units.append(instance.unit(draw(st.lists(st.integers(0, 12), max_size=8))))
        gone = [i.id for i in instances if i.ended and i.id not in deleted and draw(st.booleans())]
        deleted.update(gone)
        rows.append(ev.unpack(ev.pack(ev.LogRow(units, gone))))
    return rows


@given(logs(), st.data())
@settings(max_examples=120, deadline=None)
def test_any_cut_of_the_log_gives_the_same_rows(rows: list[ev.LogRow], data: st.DataObject) -> None:
    one_by_one = Rows()
    for log in rows:
        one_by_one.apply(project(log))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(rows) - 1)))))
    in_runs = Rows()
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        in_runs.apply(project_all(rows[start:stop]))
    assert in_runs.all() == one_by_one.all()
    # Again from nothing: the same rows with the same ids.
    assert Rows().apply(project_all(rows)).all() == one_by_one.all()
    # What was deleted never comes back.
    deleted = {id for log in rows for id in log.deleted}
    for table in one_by_one.all().values():
        for found in table.values():
            assert found.get("instance_id", found["id"]) not in deleted
            assert found.get("root_id") not in deleted


def test_an_instance_that_begins_and_ends_in_a_run_of_several_units_needs_no_where() -> None:
    first = [ev.InstanceStarted(None, "start"), ev.VariableSet(uid(5), A, "v", TypedValue("Integer", 1), 0, A)]
    rows = [log_row(first), log_row([ev.InstanceEnded(ev.InstanceState.COMPLETED, None, "end", T0)], first=2)]
    found = project_all(rows)
    assert {type(change) for change in found} == {RowChange}
    assert Rows().apply(found).only("variable")["live"] is True
    assert not Rows().apply(found)["execution"]
