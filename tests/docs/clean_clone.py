"""A folder like a clean clone in which `make` has already installed what it installs, which takes minutes and a network."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JAVA_WORKERS = ROOT / "examples" / "order" / "workers-java"
READERS_NEED = ("Makefile", "pyproject.toml", "docs", "examples", "tools")
INSTALLED = (
    ".venv/.made",
    ".venv/.server",
    ".venv/.node",
    "examples/order/workers-js/node_modules/.package-lock.json",
    "src/penstock/api/cockpit/static/.built-from",
)
"""Stamps of `make`: newer than everything, so that it does nothing again."""

NO_DOWNLOADS = {
    "PIP_NO_INDEX": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "NPM_CONFIG_PREFER_OFFLINE": "true",
    "NPM_CONFIG_AUDIT": "false",
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
}
"""What `make test` has downloaded is there; npm takes it from its cache."""


def clean_clone(folder: Path) -> Path:
    """Makes it in `folder`. Programs are those of this checkout, and what Maven has built, which compiles copies anew."""
    clone = folder / "penstock"
    clone.mkdir()
    for name in READERS_NEED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, clone / name)
    java_workers = clone / JAVA_WORKERS.relative_to(ROOT)
    shutil.rmtree(java_workers)
    java_workers.symlink_to(JAVA_WORKERS)
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
    ours = ("PENSTOCK_", "MAKE", "VIRTUAL_ENV", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    here = {"PORT": str(port), "PENSTOCK_PORT": str(port), "PENSTOCK_URL": f"http://127.0.0.1:{port}"}
    hurry = {"RETRY_TIMEOUT_MS": "200"}  # the order example's workers would wait five seconds
    return {**kept, **here, **hurry, **NO_DOWNLOADS}


def installed(path: str) -> str:
    """The PATH of a reader who has installed Penstock, pytest and Node."""
    return f"{Path(sys.executable).parent}{os.pathsep}{path}"
