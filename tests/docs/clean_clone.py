"""A folder like a clean clone in which `make` has already installed what it installs, which takes minutes and a network."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READERS_NEED = ("Makefile", "pyproject.toml", "docs", "examples", "tools")
INSTALLED = (
    ".venv/.made",
    ".venv/.server",
    ".venv/.node",
    "examples/order/workers-js/node_modules/.package-lock.json",
    "src/penstock/api/cockpit/static/.built-from",
)
"""Stamps of `make`: newer than everything, so that it does nothing again."""


def clean_clone(folder: Path) -> Path:
    """Makes it in `folder`. Programs are those of this checkout; nothing else is shared."""
    clone = folder / "penstock"
    clone.mkdir()
    for name in READERS_NEED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, clone / name)
    (clone / "cockpit").mkdir()
    (clone / ".venv").mkdir()
    for entry in (ROOT / ".venv").iterdir():
        if not entry.name.startswith("."):
            (clone / ".venv" / entry.name).symlink_to(entry)
    for stamp in INSTALLED:
        (clone / stamp).parent.mkdir(parents=True, exist_ok=True)
        (clone / stamp).touch()
    return clone


def reader_environment(port: int) -> Mapping[str, str]:
    """What the reader's shell knows: nothing of Penstock but the port that stands for 8080."""
    ours = ("PENSTOCK_", "MAKE", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    here = {"PORT": str(port), "PENSTOCK_PORT": str(port), "PENSTOCK_URL": f"http://127.0.0.1:{port}"}
    hurry = {"RETRY_TIMEOUT_MS": "200"}  # the order example's workers would wait five seconds
    return {**kept, **here, **hurry}
