"""The documentation is true: generated pages are fresh, links lead somewhere, snippets are what they say they are."""

import importlib.util
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from penstock.cli.application import app
from penstock.model.reader import read_bpmn

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for folder in ("", "docs", "examples", "changelog.d")
    for path in (ROOT / folder).glob("*.md" if not folder else "**/*.md")
    if "node_modules" not in path.parts
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _snippets() -> list[Any]:
    return [
        pytest.param(language, text, id=f"{_name(page)}#{number}")
        for page in PAGES
        for number, (language, text) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")), 1)
    ]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_what_the_code_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    assert _generator().outdated() == [], "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        found = (page.parent / place).resolve() if place else page
        assert found.exists(), f"{target} is not there"
        if anchor:
            headings = HEADING.findall(found.read_text(encoding="utf-8"))
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_reached_from_the_readme() -> None:
    """A page to which no link leads is read by nobody."""
    seen: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        links = LINK.findall(page.read_text(encoding="utf-8"))
        ahead += [(page.parent / link.partition("#")[0]).resolve() for link in links if "://" not in link]
    lost = [_name(page) for page in PAGES if page not in seen and page.parent.name != "changelog.d"]
    assert not lost


def test_the_quick_start_is_two_commands() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Quick start")[2].partition("\n## ")[0]
    ((_, commands),) = FENCE.findall(section)
    assert [line.partition("#")[0].strip() for line in commands.splitlines()] == ["make up", "make test"]


@pytest.mark.parametrize(("language", "snippet"), _snippets())
def test_snippets_are_what_they_say(language: str, snippet: str) -> None:
    CHECKS[language](snippet)


def _check_shell(snippet: str) -> None:
    """The syntax is right, and every command, option and target that is ours exists."""
    subprocess.run(["bash", "-n"], input=snippet, text=True, check=True)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in snippet.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert {word for word in words[1:] if "=" not in word} <= targets
        elif words and Path(words[0]).name == "penstock":
            _check_command(words[1:])


def _check_command(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    path = ["penstock"]
    while hasattr(command, "commands"):
        assert words[0] in command.commands, f"there is no command {' '.join([*path, words[0]])}"
        command, path, words = command.commands[words[0]], [*path, words[0]], words[1:]
    with command.make_context(" ".join(path), list(words)):
        pass


def _check_model(snippet: str) -> None:
    file, warnings = read_bpmn(snippet.encode(), "snippet.bpmn")
    assert file.processes
    assert all("register a Python callable" in warning.message for warning in warnings), warnings


CHECKS: dict[str, Callable[[str], object]] = {
    "shell": _check_shell,
    "python": lambda snippet: compile(snippet, "snippet", "exec"),
    "json": json.loads,
    "toml": tomllib.loads,
    "xml": _check_model,
    "javascript": str.strip,  # what is a program is run by test_following
    "text": str.strip,
}
"""Language of a snippet → what raises if it is not right."""


def test_a_wrong_command_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        _check_shell("penstock nonsense")
    with pytest.raises(Exception, match="No such option"):
        _check_shell("penstock start order --nonsense")
