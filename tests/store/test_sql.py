"""Row changes in bulk have the same effect as one by one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.store import sql
from penstock.store.protocol import AnyChange, Change, DeleteWhere, RowChange, UpdateWhere
from penstock.store.query import Query, eq
from penstock.store.sql import RowGroup
from penstock.store.tables import TABLES, Sort, Type

Rows = dict[str, dict[str, Any]]
TABLE = TABLES["process_definition"]
COLUMNS = ["name", "category", "tenant_id"]

values = st.sampled_from([None, "x", "y"])
ids = st.sampled_from("abc")
sets = st.dictionaries(st.sampled_from(COLUMNS), values)
where_columns = st.sampled_from(["id", *COLUMNS])
wanted = st.lists(st.sampled_from([None, "x", "y", "a", "b"]), max_size=2)
row_changes = st.builds(
    lambda change, key, fields: RowChange(TABLE.name, change, {"id": key, **fields}), st.sampled_from(Change), ids, sets
)
changes = st.lists(
    st.one_of(
        row_changes,
        row_changes,
        st.builds(lambda column, chosen: DeleteWhere(TABLE.name, column, chosen), where_columns, wanted),
        st.builds(lambda column, chosen, to: UpdateWhere(TABLE.name, column, chosen, to), where_columns, wanted, sets),
    ),
    max_size=8,
)


def put(rows: Rows, change: Change, fields: dict[str, Any]) -> None:
    key = fields["id"]
    if change is Change.INSERT:
        rows[key] = {column: fields.get(column) for column in ("id", *COLUMNS)}
    elif change is Change.DELETE:
        rows.pop(key, None)
    elif key in rows:
        rows[key].update(fields)


def put_where(rows: Rows, column: str, chosen: list[Any], to: dict[str, Any] | None) -> None:
    for key in [key for key, row in rows.items() if row[column] is not None and row[column] in chosen]:
        if to is None:
            del rows[key]
        else:
            rows[key].update(to)


def one_by_one(rows: Rows, given_changes: list[AnyChange]) -> Rows:
    for change in given_changes:
        if isinstance(change, RowChange):
            put(rows, change.change, dict(change.values))
        elif isinstance(change, DeleteWhere):
            put_where(rows, change.column, list(change.values), None)
        else:
            put_where(rows, change.column, list(change.values), dict(change.changes))
    return rows


def in_bulk(rows: Rows, steps: list[sql.PlanStep]) -> Rows:
    for step in steps:
        if isinstance(step, RowGroup):
            keys = [row["id"] for row in step.rows]
            assert keys == sorted(set(keys))
            for row in step.rows:
                # As the stores do: the columns of the group, and no others.
                put(rows, step.change, {column: row.get(column) for column in step.columns})
        else:
            put_where(rows, step.column, step.values, None if step.changes is None else dict(step.changes))
    return rows


def stored() -> Rows:
    return {
        "a": {"id": "a", "name": "x", "category": "y", "tenant_id": None},
        "b": {"id": "b", "name": "y", "category": "y", "tenant_id": "x"},
    }


@given(changes)
def test_a_plan_has_the_effect_of_its_changes(given_changes: list[AnyChange]) -> None:
    assert in_bulk(stored(), sql.Planner().plan(given_changes)) == one_by_one(stored(), given_changes)


def test_units_that_begin_and_end_take_few_statements() -> None:
    def unit(number: int) -> list[AnyChange]:
        instance = f"i{number}"
        row = {"shard": 1, "id": f"t{number}", "instance_id": instance}
        return [
            RowChange("external_task", Change.INSERT, row),
            RowChange("job", Change.INSERT, row),
            RowChange("external_task", Change.UPDATE, {**row, "topic": "t"}),
            DeleteWhere("external_task", "instance_id", [instance]),
            DeleteWhere("job", "instance_id", [instance]),
        ]

    steps = sql.Planner().plan([change for number in range(50) for change in unit(number)])
    assert len(steps) == 4
    assert not [step for step in steps if isinstance(step, RowGroup) and step.change is Change.INSERT]


def test_the_statement_of_an_insert_settles() -> None:
    planner = sql.Planner()

    def columns(*names: str) -> tuple[str, ...]:
        row = dict.fromkeys(names, "x")
        (step,) = planner.plan([RowChange("setting", Change.INSERT, {"name": "n", **row})])
        assert isinstance(step, RowGroup)
        return step.columns

    assert columns() == ("name",)
    assert columns("value") == ("name", "value")
    assert columns() == ("name", "value")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (RowChange("nothing", Change.INSERT, {"id": "a"}), "no table 'nothing'"),
        (RowChange("setting", Change.INSERT, {"name": "a", "name; --": 1}), "no column 'name; --'"),
        (RowChange("setting", Change.UPDATE, {"value": 1}), "lacks its key column 'name'"),
        (DeleteWhere("setting", "nothing", []), "no column 'nothing'"),
        (UpdateWhere("setting", "name", [], {"nothing": 1}), "no column 'nothing'"),
        (UpdateWhere("setting", "name", ["a"], {"name": "b"}), "the key of setting cannot be changed"),
    ],
)
def test_what_does_not_exist_is_refused(change: AnyChange, says: str) -> None:
    with pytest.raises((KeyError, ValueError), match=says):
        sql.Planner().plan([change])


def test_a_projection_changes_views_only() -> None:
    with pytest.raises(ValueError, match="setting is no view table"):
        sql.Planner().plan([RowChange("setting", Change.INSERT, {"name": "a"})], only=Sort.VIEW)


@pytest.mark.parametrize("dialect", [sql.Sqlite(), sql.Postgresql()])
def test_an_id_is_looked_up_by_key(dialect: sql.Dialect) -> None:
    read = sql.select(dialect, Query("task", [eq("id", "0197a000-0000-7000-8000-0000000012a7")]))
    assert read is not None
    assert 0x2A7 in read.args
    assert "t0.shard =" in read.text


def test_rows_are_decoded() -> None:
    decode = sql.row_decoder([("a", Type.JSON), ("b", Type.BOOL), ("c", Type.TEXT)], bools=True)
    assert decode((sql.pack({"x": [1]}), 0, None)) == {"a": {"x": [1]}, "b": False, "c": None}
    assert decode((None, None, "t")) == {"a": None, "b": None, "c": "t"}


def test_streams_are_read_oldest_first_and_each_in_its_order() -> None:
    assert sql.log_order({"a": [1, 9, 3], "b": [2, 4], "c": []}, 10) == ["a", "b", "b", "a", "a"]
    assert sql.log_order({"a": [1, 9, 3], "b": [2, 4]}, 3) == ["a", "b", "b"]
