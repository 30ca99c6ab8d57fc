"""Pages of the documentation, followed from the top to the end."""

from pathlib import Path

import pytest
from clean_clone import ROOT, clean_clone, reader_environment
from following import Reader, Save, Step, Type, not_shown, steps_of

from support.processes import Server, free_port

FROM_A_CLEAN_CLONE = ("docs/tutorial/first-process.md", "docs/howto/from-camunda-7.md")
WITH_A_SERVER = ("order/workers-py", "kyc", "telecom")

OTHERWISE = {
    "README.md": "`make up` begins the tutorial, and `make test` is what runs this",
    "docs/howto/backup.md": "databases of the reader's own; the commands run in tests/cli",
    "docs/howto/first-steps.md": "followed by test_docs_first_steps",
    "docs/howto/observe.md": "collectors of the reader's own; the commands run in tests/cli and tests/runtime/telemetry",
    "docs/howto/test-your-process.md": "followed by test_docs_testing",
    "examples/order/workers-java/README.md": "a Maven of the reader's own; the worker runs in tests/clients",
    "examples/order/workers-js/README.md": "a Node of the reader's own; the worker runs in test_order_example",
}
"""Pages with commands that no test here follows, and why."""


def test_every_page_with_commands_is_followed() -> None:
    followed = {*FROM_A_CLEAN_CLONE, *(f"examples/{name}/README.md" for name in (*WITH_A_SERVER, "order"))}
    pages = [page for folder in ("docs", "examples") for page in (ROOT / folder).glob("**/*.md")]
    with_commands = {
        str(page.relative_to(ROOT))
        for page in (ROOT / "README.md", *pages)
        if "node_modules" not in page.parts and any(isinstance(step, Type) for step in _steps(page))
    }
    assert with_commands == followed | set(OTHERWISE)


def _steps(page: Path) -> list[Step]:
    return steps_of(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", FROM_A_CLEAN_CLONE)
def test_a_page_from_a_clean_clone_to_its_end(page: str, tmp_path: Path) -> None:
    port = free_port()
    with Reader(clean_clone(tmp_path), tmp_path, port, reader_environment(port)) as reader:
        reader.follow(ROOT / page)


@pytest.mark.parametrize("example", WITH_A_SERVER)
def test_an_example_as_its_page_says(example: str, tmp_path: Path) -> None:
    """The page begins where `make up` runs."""
    _follow(example, tmp_path)


def test_the_order_example_with_its_javascript_worker(node: str, tmp_path: Path) -> None:
    _follow("order", tmp_path)


def _follow(example: str, tmp_path: Path) -> None:
    with Server(f"sqlite:///{tmp_path}/example.db", tmp_path) as server:
        server.deploy(ROOT / "examples" / "order" / "order.bpmn")
        port = int(server.url.rpartition(":")[2])
        with Reader(clean_clone(tmp_path), tmp_path, port, reader_environment(port)) as reader:
            reader.follow(ROOT / "examples" / example / "README.md")
        server.stop()


def test_a_page_is_read_as_people_read_it() -> None:
    page = "Save this as `a/b.py`:\n\n```python\nx = 1\n```\n\nRun:\n\n```shell\nls\n```\n\n```text\na… b\n```\n"
    save, run = steps_of(page)
    assert save == Save(3, "a/b.py", "x = 1\n")
    assert run == Type(9, "main", "ls\n", stays=False, output=["a… b"])


def test_a_wrong_page_would_be_noticed(tmp_path: Path) -> None:
    failing, other = "```shell\nfalse\ntrue\n```\n", "```shell\necho a\n```\n```text\nb\n```\n"
    for number, page in enumerate((failing, other, f"<!-- terminal worker: stays -->\n{other}")):
        logs = tmp_path / str(number)
        logs.mkdir()
        written = logs / "page.md"
        written.write_text(page, encoding="utf-8")
        with Reader(logs, logs, 1, {"PATH": "/usr/bin:/bin"}) as reader, pytest.raises(AssertionError):
            reader.follow(written)


def test_output_is_compared_line_by_line() -> None:
    assert not list(not_shown(["a … d"], "x\n a  b c   d\n"))
    assert list(not_shown(["a d"], "a b d\n")) == ["a d"]
    assert list(not_shown(["a … d"], "a\nd\n")) == ["a … d"]
