"""What may be wrong in a generic worker's file, each in one line that says where."""

from pathlib import Path

import pytest

from cli.running import penstock
from penstock.cli.workers.feel import Feel
from penstock.worker.patterns.calls import Call, Unavailable
from penstock.worker.patterns.config import BadConfig
from penstock.worker.patterns.generic import GenericWorker
from penstock.worker.patterns.http import HttpCaller

E = '[endpoint.e]\nurl = "http://127.0.0.1:1"\n'
T = '[topic.t]\nendpoint = "e"\npath = "/x"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = ", "is no TOML"),
        ("", "has no [topic.NAME]"),
        ("[topics.t]", "unknown field `topics`"),
        (T, "topic.t.endpoint: there is no [endpoint.e]"),
        (E + T + "retires = {}", "unknown field `retires` - at `$.topic[...]`"),
        (E + T.replace('path = "/x"', ""), "topic.t: path is missing"),
        (E + T + 'function = "f"', "function is for lambda and local endpoints"),
        (E + T + 'body = "a +"', "topic.t.body: 'a +' is no FEEL expression"),
        (E + T.replace("/x", "/{x"), "topic.t.path: there is a brace without its other half"),
        (E + T + 'success = "fine"', "topic.t.success: 'fine' names no status"),
        (E + T + '[[topic.t.error]]\ncode = "C"', "topic.t.error[0]: error C: say when it is one"),
        (E + T + 'idempotency = "never"', "'never' is neither 'attempt' nor 'task'"),
        (E + T + 'late = "C"', "there is no deadline that could be missed"),
        (E + T + 'lock = "PT0.1S"', "topic.t.lock: must be at least 1000 ms"),
        (E + T + 'filters = { color = "red" }', "unknown filter 'color'"),
        (E + 'headers = { A = "${NO_SUCH_VARIABLE}" }\n' + T, "there is no environment variable NO_SUCH_VARIABLE"),
        (E + 'headers = { A = "${file:none}" }\n' + T, "the secret none cannot be read: No such file"),
        (E.replace("http:", "ftp:") + T, "is no address of a server"),
        (E + 'timeout = "soon"\n' + T, "Invalid ISO8601 duration"),
        ('[endpoint.e]\nkind = "local"\nmodule = "none.py"\n', "there is no file none.py"),
        ('[server]\nurl = "here"\n', "is no address of a server"),
    ],
)
def test_mistakes_are_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "w.toml"
    path.write_text(text)
    with pytest.raises(BadConfig) as raised:
        GenericWorker(path, Feel()).run()
    assert message in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("${ADDRESS}", "endpoint.e: '${ADDRESS}' is no address of a server"),
        ("http://host:${TOKEN}/", "endpoint.e: 'http://host:${TOKEN}/' is no address of a server"),
        (
            "ftp://u:${TOKEN}@host/${ADDRESS}",
            "endpoint.e: 'ftp://u:${TOKEN}@host/${ADDRESS}' is no address of a server",
        ),
    ],
)
def test_a_mistake_in_a_text_with_secrets_shows_their_names(tmp_path: Path, url: str, message: str) -> None:
    path = tmp_path / "w.toml"
    environment = {"ADDRESS": "hidden-host/hidden", "TOKEN": "hidden"}
    path.write_text(f'[endpoint.e]\nurl = "{url}"\n{T}')
    with pytest.raises(BadConfig) as raised:
        GenericWorker(path, Feel(), environment=environment).run()
    assert message in raised.value.message and "hidden" not in raised.value.message
    path.write_text(f'[server]\nurl = "{url}"\n')
    with pytest.raises(BadConfig) as raised:
        GenericWorker(path, Feel(), environment=environment)
    assert message.partition(": ")[2] in raised.value.message and "hidden" not in raised.value.message


async def test_what_an_endpoint_that_is_out_of_reach_is_reported_with() -> None:
    caller = HttpCaller("http://127.0.0.1:1/hooks/hidden", {"X-Key": "hidden"}, 1, 100)
    call = Call(target="/orders/hidden", what="POST /orders/{id}", body=b'"hidden"')
    with pytest.raises(Unavailable, match=r"POST /orders/\{id\}: http://127\.0\.0\.1:1 is out of reach") as raised:
        await caller.call(call, 5)
    await caller.close()
    assert "hidden" not in raised.value.message


def test_the_command_says_it_and_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(T)
    for file, message in (
        ("w.toml", "there is no [endpoint.e]"),
        ("none.toml", "none.toml cannot be read: No such file"),
    ):
        done = penstock("worker", "run", file, cwd=tmp_path)
        assert done.returncode == 2
        assert message in done.stderr and "Traceback" not in done.stderr
    done = penstock("worker", "run", "w.toml", "--max", "3", cwd=tmp_path)
    assert (done.returncode, "there is no [endpoint.e]" in done.stderr) == (2, True)
