"""The table of event kinds: what throwing one does, and what Camunda 7 calls it in each position.

Each module of this folder has one class and `TRIGGER`, its instance; the table finds them. Waiting for an event is
the same for all kinds (`engine.catching`); positions (start, boundary, …) know nothing of kinds.
"""

import importlib
import pkgutil

from penstock.bpmn.trigger import EventKind
from penstock.model.graph import TriggerKind


def _load() -> dict[TriggerKind, EventKind]:
    found = {}
    for module in pkgutil.iter_modules(__path__):
        kind: EventKind = importlib.import_module(f"{__name__}.{module.name}").TRIGGER
        found[kind.kind] = kind
    return found


TABLE = _load()
"""Trigger kind → what it does."""
