"""Logs that releases have written replay for ever, to the states that they led to then."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from penstock.engine import codec
from penstock.engine import events as ev
from penstock.engine.apply import APPLIERS, replay
from penstock.views.projection import project
from recorded.record import summary, walk

FILES = sorted(Path(__file__).parent.glob("*.json"))


def _units(recorded: dict[str, Any]) -> dict[str, list[ev.InstanceEvents]]:
    found: dict[str, list[ev.InstanceEvents]] = {}
    for row in recorded["rows"]:
        for unit in ev.unpack(base64.b64decode(row)).units:
            found.setdefault(unit.instance, []).append(unit)
    return found


def test_there_is_a_recorded_log() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_replays_to_the_state_of_then(path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    live = recorded["instances"]
    for id, units in _units(recorded).items():
        instance = replay(units)
        assert [unit.revision for unit in units] == list(range(1, len(units) + 1))
        if id in live:
            # Through JSON, as the file: tuples become lists.
            assert json.loads(json.dumps(summary(instance))) == live.pop(id)
            assert summary(codec.decode(*codec.encode(instance))) == summary(instance)
        else:
            assert instance.ended
            assert not instance.executions
    assert not live


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_packs_to_the_same_events(path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    for row in recorded["rows"]:
        found = ev.unpack(base64.b64decode(row))
        assert ev.unpack(ev.pack(found)) == found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_views_can_be_rebuilt_from_it(path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    assert all(project(ev.unpack(base64.b64decode(row))) for row in recorded["rows"])


def test_the_walk_still_meets_every_event_that_changes_state() -> None:
    seen = {type(event) for units in walk().engine.history.values() for unit in units for event in unit.events}
    assert set(APPLIERS) <= seen
