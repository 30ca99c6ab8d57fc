"""Rules of the house that no other tool checks."""

import importlib
import os
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest

import penstock
from penstock.bpmn import elements, triggers

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = ["__version__"]
"""What `import penstock` offers: a change here is a change for users."""

# Spelt in pieces: this file is searched as well.
MACHINE_PATHS = re.compile(r"(?<![\w.*/}-])/" + r"(?:work|root|home/\w+)/")
REGISTRIES = re.compile(
    "|".join((r"registry\.npm" + r"js", r"py" + r"pi\.org", r"python" + r"hosted", r"repo1\.mav" + r"en"))
)
TOOLS = re.compile(
    r"(?i)\b(" + "|".join(("clau" + "de", "chat" + "gpt", "co" + "pilot", "anthr" + "opic", "open" + "ai")) + r")\b"
)
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
BINARY = {".png", ".ico", ".woff2", ".gz"}


def _modules() -> list[str]:
    found = pkgutil.walk_packages(penstock.__path__, "penstock.")
    return [info.name for info in found if not info.name.endswith(".__main__")]


def _files() -> list[Path]:
    """Every file that is, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a checkout: the files of the repository are not known")
    paths = [ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file() and path.suffix not in BINARY]


def test_the_public_api_is_what_is_listed() -> None:
    assert sorted(penstock.__all__) == PUBLIC
    assert all(hasattr(penstock, name) for name in PUBLIC)


@pytest.mark.parametrize("name", _modules())
def test_every_module_can_be_imported_and_says_what_it_is_for(name: str) -> None:
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip() or not Path(str(module.__file__)).read_text(encoding="utf-8").strip()


def test_every_python_file_is_in_a_package() -> None:
    """A file in a folder without `__init__.py` would be packed by nobody and imported by accident."""
    source = ROOT / "src" / "penstock"
    bare = {path.parent for path in source.rglob("*.py") if not (path.parent / "__init__.py").is_file()}
    assert not bare


@pytest.mark.parametrize(("package", "found"), [(elements, elements.TABLE), (triggers, triggers.TABLE)])
def test_every_module_of_a_table_is_in_it(package: object, found: dict[object, object]) -> None:
    name, paths = package.__name__, package.__path__  # type: ignore[attr-defined]
    there = {f"{name}.{info.name}" for info in pkgutil.iter_modules(paths)}
    assert {type(kind).__module__ for kind in found.values()} == there


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (MACHINE_PATHS, "a path that only one machine has"),
        (REGISTRIES, "the name of a package registry: users have mirrors"),
        (TOOLS, "the name of a tool that is no part of this project"),
        (UNFINISHED, "a mark of something unfinished: do it, or open an issue"),
    ],
    ids=["machine paths", "registries", "tools", "unfinished"],
)
def test_no_file_holds(pattern: re.Pattern[str], why: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in _files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"{why}:\n" + "\n".join(found)


def test_continuous_integration_runs_what_users_run() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert "make test" in run.read_text(encoding="utf-8")


def test_make_describes_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE) == phony[1].split()
