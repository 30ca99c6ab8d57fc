"""`:name` in statements."""

import pytest

from penstock.base.errors import ConnectorRefused
from penstock.connect.sql.statement import numbered, questioned, read, values


@pytest.mark.parametrize(
    ("text", "written", "names"),
    [
        ("select :a, :b, :a", "select $1, $2, $1", ("a", "b")),
        ("select ':a', ':''b :c', :d", "select ':a', ':''b :c', $1", ("d",)),
        (r"select E'\':a', :b", r"select E'\':a', $1", ("b",)),
        ('select ":a" from "x"":b" where y = :c', 'select ":a" from "x"":b" where y = $1', ("c",)),
        ("select 1 -- :a\n, :b", "select 1 -- :a\n, $1", ("b",)),
        ("select /* :a /* :b */ :c */ :d", "select /* :a /* :b */ :c */ $1", ("d",)),
        ("select $$:a$$, $x$ :b $$ :c $x$, :d", "select $$:a$$, $x$ :b $$ :c $x$, $1", ("d",)),
        ("select x::text, :a::int", "select x::text, $1::int", ("a",)),
        ("select a[1:2], :b", "select a[1:2], $1", ("b",)),
        ("select 'open :a", "select 'open $1", ("a",)),
    ],
)
def test_names_count_where_the_database_would_read_a_value(text: str, written: str, names: tuple[str, ...]) -> None:
    found = read(text, numbered)
    assert (found.text, found.names) == (written, names)


def test_sqlite_has_its_own_places() -> None:
    assert read("select :a, `:b`", questioned).text == "select ?1, `:b`"


def test_every_name_has_a_value_and_every_value_a_name() -> None:
    statement = read("insert into t values (:a, :idempotencyKey)", numbered)
    assert values(statement, {"a": 1}, "job-1") == [1, "job-1"]
    with pytest.raises(ConnectorRefused, match="has :a, which the input parameter 'parameters' does not have"):
        values(statement, {}, "job-1")
    with pytest.raises(ConnectorRefused, match="has no :b, which is in the input parameter 'parameters'"):
        values(statement, {"a": 1, "b": 2}, "job-1")
