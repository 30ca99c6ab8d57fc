"""Puts the built cockpit into what is packaged: it is no part of the repository, and users have no Node.js."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WITHOUT = "PENSTOCK_WITHOUT_COCKPIT"
"""Set to anything: package what is there, and build nothing."""


class CockpitHook(BuildHookInterface[Any]):
    """Builds the cockpit when it is missing or older than its sources; only then is Node.js needed."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling."""
        builder = _builder(self.root)
        return [] if os.environ.get(WITHOUT) or builder.fresh() else [builder.NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before anything is packed, for an editable installation too."""
        if os.environ.get(WITHOUT):
            return
        builder = _builder(self.root)
        try:
            builder.build()
        except builder.CannotBuild as missing:
            sys.exit(f"{missing}\nWith {WITHOUT}=1 in the environment Penstock is installed without its cockpit.")


def _builder(root: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("cockpit_build", Path(root) / "cockpit" / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
