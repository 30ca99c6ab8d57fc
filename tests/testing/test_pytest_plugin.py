"""The plugin as a user's project sees it: pytest is run on a folder of its own."""

import subprocess
import sys
from pathlib import Path

MODEL = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
  <process id="greet" isExecutable="true" camunda:historyTimeToLive="P1D">
    <startEvent id="asked" /><sequenceFlow id="f1" sourceRef="asked" targetRef="say" />
    <serviceTask id="say" camunda:type="external" camunda:topic="say-hello" />
    <sequenceFlow id="f2" sourceRef="say" targetRef="said" /><endEvent id="said" />
  </process>
</definitions>
"""

TESTS = """
from penstock.testing import assert_that

def test_one(engine):
    engine.deploy("greet.bpmn")
    assert_that(engine.start("greet")).waits_only_at("say")

def test_each_test_has_an_engine_of_its_own(engine):
    assert engine.instances() == []
"""


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "greet.bpmn").write_text(MODEL)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:cacheprovider",
        *arguments,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_fixture_is_there(tmp_path: Path) -> None:
    (tmp_path / "test_greet.py").write_text(TESTS)
    done = _pytest(tmp_path)
    assert "2 passed" in done.stdout, done.stdout
    assert "coverage of models" not in done.stdout


def test_coverage_over_all_tests(tmp_path: Path) -> None:
    (tmp_path / "test_greet.py").write_text(TESTS)
    done = _pytest(tmp_path, "--bpmn-coverage", "--bpmn-coverage-min", "60")
    assert "greet   66.7 %  not visited: said" in done.stdout
    assert done.returncode == 0
    assert _pytest(tmp_path, "--bpmn-coverage-min", "70").returncode == 1


def test_a_fixture_of_the_users_own_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef engine(): return 'mine'\n")
    (tmp_path / "test_it.py").write_text(
        "def test_it(engine, penstock_engine):\n    assert engine == 'mine'\n    assert penstock_engine.instances() == []\n"
    )
    assert "1 passed" in _pytest(tmp_path).stdout


def test_a_failure_shows_the_line_of_the_test(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from penstock.testing import assert_that\n"
        "def test_it(engine):\n"
        "    engine.deploy('greet.bpmn')\n"
        "    assert_that(engine.start('greet')).waits_at('nowhere')\n"
    )
    said = _pytest(tmp_path).stdout
    assert "expected to wait at nowhere" in said
    assert "waits at:   say" in said
    assert "test_it.py:4: AssertionError" in said


def test_loading_the_plugin_costs_little() -> None:
    """It is loaded in every project in which Penstock is installed."""
    code = "import sys, penstock.testing.pytest_plugin; print('penstock.runtime.node' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "False\n", done.stderr
