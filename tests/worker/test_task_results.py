"""Merging of results documents: the pure part, which the engine and the SDK share."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.base.task_results import Seen, StaleResults, append, is_results, merge, seen

HEADER: dict[str, Any] = {"correlationId": "o", "processMetadata": {"a": 1}}


def doc(*entries: Any, **header: Any) -> str:
    """A document with these entries' data."""
    results = [{"data": data, "startTime": "s", "endTime": "e", "taskId": "T"} for data in entries]
    return json.dumps({**HEADER, **header, "taskResults": results})


def data(text: str) -> list[Any]:
    """The entries' data of a document."""
    return [entry["data"] for entry in json.loads(text)["taskResults"]]


ENTRY = '{"taskId": "T", "startTime": null, "endTime": 3}'


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (doc(), True),
        (doc({"x": [1]}), True),
        (doc(processMetadata=None, correlationId=None), True),
        ('{"correlationId": 1, "processMetadata": {}, "taskResults": [' + ENTRY + "]}", True),
        ('{"processMetadata": {}, "taskResults": []}', False),
        ('{"correlationId": 1, "taskResults": []}', False),
        (doc(more=1), False),
        ('{"correlationId": 1, "processMetadata": {}, "taskResults": [{"taskId": "T"}]}', False),
        ('{"correlationId": 1, "processMetadata": {}, "taskResults": [' + ENTRY[:-1] + ', "x": 1}]}', False),
        ('{"correlationId": 1, "processMetadata": [], "taskResults": []}', False),
        ('{"correlationId": 1, "processMetadata": {}, "taskResults": {}}', False),
        ('"taskResults"', False),
        ('{"taskResults"', False),
        ("", False),
    ],
)
def test_exactly_this_shape(text: str, holds: bool) -> None:
    assert is_results(text) is holds
    assert (seen(text) is not None) is holds


def test_who_knows_what_is_there_may_write_anything() -> None:
    now = doc(1, 2)
    for written in (doc(), doc(9), doc(1, 2, 3, correlationId="else"), "[]", "{}"):
        assert merge(now, written, seen(now)) == written


def test_other_shapes_are_overwritten() -> None:
    assert merge('{"taskResults": [1]}', doc(1), None) == doc(1)
    assert merge(doc(1), '{"taskResults": [1]}', None) == '{"taskResults": [1]}'


def test_numbers_are_those_of_the_writer() -> None:
    """JavaScript writes 1.0 as 1 and rounds large integers: that is no change; what is kept are the originals."""
    large = 2**62 + 1
    now = doc(1.0, large, "theirs")
    merged = merge(now, doc(1, float(large), "ours"), seen(doc(1.0, large)))
    assert data(merged) == [1.0, large, "theirs", "ours"]
    assert str(large) in merged and "1.0" in merged
    with pytest.raises(StaleResults):
        merge(now, doc(True, large, "ours"), seen(doc(1.0, large)))


def test_an_integer_beyond_every_type_is_kept() -> None:
    huge = 10**40
    assert data(merge(doc(huge, 1), doc(huge, 2), seen(doc(huge)))) == [huge, 1, 2]
    assert json.loads(merge(doc(1, processMetadata={"n": huge}), doc(2), None))["processMetadata"] == {
        "n": huge,
        "a": 1,
    }


def test_headers_are_completed_and_never_changed() -> None:
    merged = json.loads(merge(doc(1, correlationId=None), doc(2, processMetadata={"b": 2}), None))
    assert (merged["correlationId"], merged["processMetadata"]) == ("o", {"a": 1, "b": 2})
    for other in ({"correlationId": "p"}, {"processMetadata": {"a": 2}}):
        with pytest.raises(StaleResults, match=next(iter(other))):
            merge(doc(1), doc(2, **other), None)


@pytest.mark.parametrize("written", [doc(), doc(9), doc(9, 2, 3)])
def test_entries_are_never_taken_away(written: str) -> None:
    with pytest.raises(StaleResults, match="only be appended"):
        merge(doc(1, 2), written, seen(doc(1)))


def test_appending() -> None:
    assert append(None, doc(1)) == doc(1)
    assert data(append(doc(1), doc(1))) == [1, 1]
    assert json.loads(append(doc(1), doc(2, correlationId="x")))["correlationId"] == "o"
    for current, piece in (("{}", doc(1)), (doc(1), "{}")):
        with pytest.raises(StaleResults, match="shape"):
            append(current, piece)


entries = st.lists(st.integers(0, 2), max_size=4)


@given(entries, st.lists(st.tuples(st.integers(0, 6), st.lists(st.integers(0, 2), min_size=1, max_size=2)), max_size=6))
def test_nothing_is_lost_and_nothing_twice(begun: list[int], writers: list[tuple[int, list[int]]]) -> None:
    """Writers read at any earlier moment, append entries that may look like anybody else's, and write late."""
    versions = [doc(*begun)]
    appended: list[int] = []
    for behind, new in writers:
        read = versions[max(len(versions) - 1 - behind, 0)]
        written = doc(*data(read), *new)
        # Two entries at once of which the first looks like the next of somebody else: cannot be told from one read later.
        others = data(versions[-1])[len(data(read)) :]
        if len(new) > 1 and others[:1] == new[:1]:
            continue
        versions.append(merge(versions[-1], written, seen(read)))
        appended += new
        assert data(versions[-1])[: len(data(versions[-2]))] == data(versions[-2])
    assert sorted(data(versions[-1])) == sorted(begun + appended)


def test_a_version_that_is_not_known_is_found_by_what_it_holds() -> None:
    assert data(merge(doc(1, 2), doc(1, 3), None)) == [1, 2, 3]
    assert data(merge(doc(1, 2), doc(1, 2, 3), Seen(0, ""))) == [1, 2, 3]
