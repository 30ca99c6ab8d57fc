"""Pages of the documentation, followed from the top to the end."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from clean_clone import ROOT, clean_clone, installed, reader_environment
from following import Ends, Reader, Save, Step, Type, not_shown, steps_of

from support.collector import Collector
from support.processes import Server, free_port, two_free_ports, wait_until

FROM_A_CLEAN_CLONE = ("docs/tutorial/first-process.md", "docs/howto/from-camunda-7.md")
WITH_A_SERVER = ("order/workers-py", "kyc", "telecom", "workers-generic", "workers-lambda", "workers-domain")
WITH_NODE = ("order", "order/workers-js")
WITH_MAVEN = "order/workers-java"
BACKUP = "docs/howto/backup.md"
FIRST_STEPS = "docs/howto/first-steps.md"
OBSERVE = "docs/howto/observe.md"
TESTING = "docs/howto/test-your-process.md"
EMBEDDED = "docs/howto/embedded.md"
EMBEDDED_EXAMPLE = "examples/embedded/README.md"

OTHERWISE = {"README.md": "`make up` begins the tutorial, and `make test` is what runs this"}
"""Pages with commands that no test here follows, and why."""

TOPOLOGIES = ("engine-as-bus", "bus-to-engine", "engine-to-bus", "embedded", "services", "hybrid")
"""Pages that `tests/topologies` follows, with the brokers that they need."""

ORDER = ROOT / "examples" / "order" / "order.bpmn"


def test_every_page_with_commands_is_followed() -> None:
    examples = {f"examples/{name}/README.md" for name in (*WITH_A_SERVER, *WITH_NODE, WITH_MAVEN)}
    examples |= {f"examples/topologies/{name}/README.md" for name in TOPOLOGIES}
    followed = {*FROM_A_CLEAN_CLONE, BACKUP, FIRST_STEPS, OBSERVE, TESTING, EMBEDDED, EMBEDDED_EXAMPLE, *examples}
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
    with Reader(clean_clone(tmp_path), tmp_path, {"8080": str(port)}, reader_environment(port)) as reader:
        reader.follow(ROOT / page)


@pytest.mark.usefixtures("node")
def test_first_steps(database: Mapping[str, str], tmp_path: Path) -> None:
    port = free_port()
    # No port of a test is open to the network.
    here = {"8080": str(port), "db.example.org": "127.0.0.1", "0.0.0.0": "127.0.0.1"}
    environment = {**reader_environment(port), **database}
    with Reader(clean_clone(tmp_path), tmp_path, here, environment) as reader:
        reader.follow(ROOT / FIRST_STEPS)


def test_backup(database: Mapping[str, str], tmp_path: Path) -> None:
    """Of two servers that run, one of them with an order."""
    var = tmp_path / "var"
    for folder in ("backups", "lib/penstock"):
        (var / folder).mkdir(parents=True)
    port = free_port()
    here = {"8080": str(port), "db.example.org": "127.0.0.1", "/var/": f"{var}/"}
    postgres = f"postgresql://penstock@127.0.0.1:{database['PGPORT']}/penstock"
    with (
        Server(f"sqlite:///{var}/lib/penstock/penstock.db", _new(tmp_path / "one")) as one,
        Server(postgres, _new(tmp_path / "other")) as other,
    ):
        one.deploy(ORDER)
        one.post("/process-definition/key/order/start", {})
        with _reader_who_has_installed_it(tmp_path, port, here, database) as reader:
            reader.follow(ROOT / BACKUP)
        one.stop()
        other.stop()


def test_observe(database: Mapping[str, str], collector: Collector, tmp_path: Path) -> None:
    """The page ends with a server that traces; its spans arrive."""
    port, metrics = free_port(), two_free_ports()
    ports = {"8080": str(port), "9100": str(metrics), "9101": str(metrics + 1)}
    here = {**ports, "db.example.org": "127.0.0.1", "collector.example.org:4318": f"127.0.0.1:{collector.port}"}
    environment = {**database, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with _reader_who_has_installed_it(tmp_path, port, here, environment) as reader:
        reader.follow(ROOT / OBSERVE)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/engine-rest", timeout=60) as rest:
            files = {"order.bpmn": ("order.bpmn", ORDER.read_bytes(), "text/xml")}
            rest.post("/deployment/create", files=files).raise_for_status()
            rest.post("/process-definition/key/order/start", json={}).raise_for_status()
        span = b"StartInstance order"
        wait_until(
            lambda: (span in b"".join(collector.bodies), len(collector.bodies)), "the span reaches the collector"
        )


def test_test_your_process(tmp_path: Path) -> None:
    with _reader_who_has_installed_it(tmp_path, free_port(), {}, {}) as reader:
        reader.follow(ROOT / TESTING)


def test_embedded(tmp_path: Path) -> None:
    with _reader_who_has_installed_it(tmp_path, free_port(), {"8000": str(free_port())}, {}) as reader:
        reader.follow(ROOT / EMBEDDED)


def test_the_embedded_example(tmp_path: Path) -> None:
    here = {"8000": str(free_port())}
    with Reader(clean_clone(tmp_path), tmp_path, here, reader_environment(free_port())) as reader:
        reader.follow(ROOT / EMBEDDED_EXAMPLE)


def _reader_who_has_installed_it(tmp_path: Path, port: int, here: Mapping[str, str], more: Mapping[str, str]) -> Reader:
    """In an empty folder. The commands of such a page say themselves which server or store they mean."""
    environment = {**reader_environment(port), **more}
    del environment["PENSTOCK_URL"]
    environment["PATH"] = installed(environment["PATH"])
    return Reader(_new(tmp_path / "here"), tmp_path, here, environment)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("example", WITH_A_SERVER)
def test_an_example_as_its_page_says(example: str, tmp_path: Path) -> None:
    """The page begins where `make up` runs."""
    _follow(example, tmp_path)


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("example", WITH_NODE)
def test_an_example_with_javascript_workers(example: str, tmp_path: Path) -> None:
    _follow(example, tmp_path)


@pytest.mark.usefixtures("maven")
def test_an_example_with_java_workers(tmp_path: Path) -> None:
    _follow(WITH_MAVEN, tmp_path)


def _follow(example: str, tmp_path: Path) -> None:
    with Server(f"sqlite:///{tmp_path}/example.db", tmp_path) as server:
        server.deploy(ORDER)
        port = int(server.url.rpartition(":")[2])
        environment = dict(reader_environment(port))
        if example == "order/workers-js":
            environment["PATH"] = installed(environment["PATH"])
        with Reader(
            clean_clone(tmp_path), tmp_path, {"8080": str(port), "9077": str(free_port())}, environment
        ) as reader:
            reader.follow(ROOT / "examples" / example / "README.md")
        server.stop()


def test_a_page_is_read_as_people_read_it() -> None:
    page = "Save this as `a/b.py`:\n\n```python\nx = 1\n```\n\nRun:\n\n```shell\nls\n```\n\n```text\na… b\n```\n"
    save, run = steps_of(page)
    assert save == Save(3, "a/b.py", "x = 1\n")
    assert run == Type(9, "main", "ls\n", Ends.WELL, output=["a… b"])


WRONG = {
    "a line that fails": "```shell\nfalse\ntrue\n```\n",
    "another output": "```shell\necho a\n```\n```text\nb\n```\n",
    "another output before it is stopped": "<!-- terminal worker: stays -->\n```shell\necho a\n```\n```text\nb\n```\n",
    "a line that fails before what stays": "<!-- terminal main: stays -->\n```shell\nfalse\necho a\n```\n```text\na\n```\n",
    "a last line that should fail": "<!-- terminal main: fails -->\n```shell\nfalse\ntrue\n```\n",
}


@pytest.mark.parametrize("page", WRONG.values(), ids=WRONG)
def test_a_wrong_page_would_be_noticed(page: str, tmp_path: Path) -> None:
    written = tmp_path / "page.md"
    written.write_text(page, encoding="utf-8")
    with Reader(tmp_path, tmp_path, {}, {"PATH": "/usr/bin:/bin"}) as reader, pytest.raises(AssertionError):
        reader.follow(written)


def test_a_line_that_fails_as_it_should_is_right(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- terminal main: fails -->\n```shell\necho a\nfalse\n```\n```text\na\n```\n", encoding="utf-8")
    with Reader(tmp_path, tmp_path, {}, {"PATH": "/usr/bin:/bin"}) as reader:
        reader.follow(page)


def test_what_stands_for_something_is_not_replaced_again(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```shell\necho 8080 9100\n```\n```text\n8080 9100\n```\n", encoding="utf-8")
    with Reader(tmp_path, tmp_path, {"8080": "9100", "9100": "1"}, {"PATH": "/usr/bin:/bin"}) as reader:
        reader.follow(page)
    assert (tmp_path / "main.log").read_text(encoding="utf-8") == "9100 1\n"


def test_output_is_compared_line_by_line() -> None:
    assert not list(not_shown(["a … d"], "x\n a  b c   d\n"))
    assert list(not_shown(["a d"], "a b d\n")) == ["a d"]
    assert list(not_shown(["a … d"], "a\nd\n")) == ["a … d"]
