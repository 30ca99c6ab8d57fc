"""The table of flow nodes. Each module of this folder has one element and `KIND` (or `KINDS`); the table finds them."""

import importlib
import pkgutil

from penstock.engine.behavior import ElementKind


def _load() -> dict[str, ElementKind]:
    found = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for kind in getattr(module, "KINDS", None) or (module.KIND,):
            found[kind.name] = kind
    return found


TABLE = _load()
"""BPMN element name → its kind."""
