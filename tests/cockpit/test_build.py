"""The build of the cockpit knows by content what is up to date."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`cockpit/build.py`, working on a folder of its own."""
    spec = importlib.util.spec_from_file_location("cockpit_build", ROOT / "cockpit" / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    here = tmp_path / "cockpit"
    (here / "core").mkdir(parents=True)
    (here / "node_modules").mkdir()
    (here / "package-lock.json").write_text("{}", encoding="ascii")
    (here / "core" / "a.ts").write_text("let a", encoding="ascii")
    places = {
        "HERE": here,
        "LOCK": here / "package-lock.json",
        "MODULES": here / "node_modules",
        "INSTALLED": here / "node_modules" / ".build",
        "INSTALLED_DEV": here / "node_modules" / ".dev",
        "OUTPUT": tmp_path / "static",
        "STAMP": tmp_path / "static" / ".built-from",
    }
    for name, place in places.items():
        monkeypatch.setattr(module, name, place)
    return module


def _built(builder: Any) -> None:
    builder.STAMP.parent.mkdir(exist_ok=True)
    builder.STAMP.write_text(builder.digest(), encoding="ascii")


def test_what_was_built_from_these_sources_is_fresh(builder: Any) -> None:
    assert not builder.fresh()
    _built(builder)
    assert builder.fresh()


@pytest.mark.parametrize(
    ("name", "stale"),
    [("core/a.ts", True), ("core/new.css", True), ("core/a.test.ts", False), ("node_modules/x.ts", False)],
)
def test_only_a_change_of_what_is_built_in_makes_it_stale(builder: Any, name: str, stale: bool) -> None:
    _built(builder)
    (builder.HERE / name).write_text("changed", encoding="ascii")
    assert builder.fresh() is not stale


def test_a_package_without_sources_is_fresh(builder: Any) -> None:
    _built(builder)
    builder.LOCK.unlink()
    assert builder.fresh()


def test_what_checks_need_is_enough_to_build_but_not_the_other_way_round(
    builder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(builder, "_npm", lambda: Path("npm"))
    monkeypatch.setattr(builder, "_run", lambda what, script, *arguments: ran.append(arguments))
    builder.install(dev=False)
    builder.install(dev=False)
    assert [("--omit=dev" in arguments) for arguments in ran] == [True]
    builder.install(dev=True)
    builder.install(dev=False)
    assert [("--omit=dev" in arguments) for arguments in ran] == [True, False]


def test_a_failing_command_is_told_with_what_it_said(builder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script = builder.HERE / "fails.py"
    script.write_text("raise SystemExit('no such flag')", encoding="ascii")
    monkeypatch.setattr(builder, "_node", lambda: Path(sys.executable))
    with pytest.raises(builder.CannotBuild, match="no such flag"):
        builder._run("Building", script)
