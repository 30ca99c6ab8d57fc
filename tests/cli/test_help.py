import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.running import penstock
from penstock import __version__

HEAVY = ("rich", "httpx", "uvicorn", "asyncpg", "apsw", "lxml", "asyncio", "msgspec", "structlog")
"""What `--help` must not import: that is what makes it quick."""


def _seconds(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def test_help_is_quick() -> None:
    """Under 200 ms where an empty interpreter takes 15; busy machines are slower at both."""
    bare = min(_seconds("-c", "pass") for _ in range(3))
    help_ = min(_seconds("-m", "penstock.cli", "--help") for _ in range(3))
    assert help_ < max(0.2, 14 * bare)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom penstock.cli.application import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("command", ["up", "deploy", "start", "list", "get", "retry", "bench", "message", "signal"])
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    done = penstock(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_version(tmp_path: Path) -> None:
    assert penstock("--version", cwd=tmp_path).stdout == f"penstock {__version__}\n"
