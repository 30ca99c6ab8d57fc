"""What docs/howto/test-your-process.md shows, run as its reader would."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "howto" / "test-your-process.md").read_text(encoding="utf-8")


def _snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_tests_of_the_page_pass_and_cover_what_it_says(tmp_path: Path) -> None:
    (model,) = _snippets("xml")
    (tmp_path / "claim.bpmn").write_text(model)
    tests = _snippets("python")
    for test in tests:
        name = test.partition("\n")[0].removeprefix("# ")
        (tmp_path / name).write_text(test)
    done = _pytest(tmp_path, "--bpmn-coverage", "--bpmn-coverage-min", "85")
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout
    shown = next(line for line in PAGE.splitlines() if line.startswith("claim   "))
    assert shown in done.stdout, done.stdout


def test_a_failure_looks_as_the_page_shows_it(tmp_path: Path) -> None:
    (model,) = _snippets("xml")
    (tmp_path / "claim.bpmn").write_text(model)
    (tmp_path / "test_it.py").write_text(
        "from penstock.testing import assert_that\n"
        "def test_it(engine):\n"
        "    engine.deploy('claim.bpmn')\n"
        "    claim = engine.start('claim', {'amount': 120}, business_key='c-1')\n"
        "    assert_that(claim).waits_at('settled')\n"
    )
    said = _pytest(tmp_path).stdout
    expected = next(text for text in _snippets("text") if text.startswith("AssertionError"))
    for line in expected.strip().splitlines():
        assert line.strip() in said
