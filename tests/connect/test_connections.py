"""`[connectors.*]` of penstock.toml."""

from pathlib import Path
from typing import Any

import pytest
from places import connections

from penstock.base.errors import ConnectorRefused
from penstock.cli.settings import BadSettings, ServerSettings, load_connections, read_file
from penstock.connect.connections import BadConnections, HttpConnection, MailConnection, SftpConnection, read
from penstock.runtime.protocol import Settings

FILE = """
[connectors.billing]
url = "https://billing.example.com/v1"
headers = { Authorization = "Bearer ${TOKEN}" }

[connectors.post]
url = "smtp://mail.example.com"
user = "anna"
password = "${file:secret}"
"""


def test_secrets_come_from_the_environment_and_from_files_and_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    path = tmp_path / "penstock.toml"
    path.write_text(FILE)
    found = read(path, {"TOKEN": "t0ken"})
    billing = found.of("billing", HttpConnection, "c")
    post = found.of("post", MailConnection, "c")
    assert billing.headers == {"Authorization": "Bearer t0ken"}
    assert (post.password, post.port) == ("hunter2", 587)
    assert "t0ken" not in f"{billing!r}{billing}" and "hunter2" not in f"{post!r}{post}"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "url is missing"),
        ({"url": "gopher://a"}, "url begins with nothing that there is a connector for"),
        ({"url": "https://u:hunter2@a.example"}, "user and password as settings of their own"),
        ({"url": "https://"}, "url names no host"),
        ({"url": "https://*"}, "url names no host"),
        ({"url": "https://a.example:99999"}, "look at its host and port"),
        ({"url": "https://a.example/?q=1"}, "must not have a"),
        ({"url": "https://a.example", "rows_max": 5}, "rows_max"),
        ({"url": "https://a.example", "ws_security": "digest"}, "needs user and password"),
        (
            {"url": "https://a.example", "headers": {"A": "${NONE}"}},
            "names ${NONE}, which the environment does not have",
        ),
        ({"url": "https://a.example", "headers": {"A": "${file:none}"}}, "the secret none cannot be read"),
        ({"url": "smtp://a.example", "tls": "none", "user": "u", "password": "hunter2"}, "not sent without TLS"),
        ({"url": "smtp://a.example", "tls": "maybe"}, "tls must be"),
        ({"url": "postgresql://a.example"}, "name of a database"),
        ({"url": "postgresql://a.example/d"}, "user is missing"),
        ({"url": "postgresql://a.example/d", "timeout": "soon"}, "timeout must be a duration"),
        ({"url": "postgresql://a.example/d", "timeout_ms": 5}, "unknown setting"),
        ({"url": "file://host/a"}, "file:/// and the whole path"),
        ({"url": "sftp://a.example/in", "user": "u", "password": "hunter2"}, "known_hosts"),
        ({"url": "sftp://a.example", "user": "u", "password": "hunter2", "known_hosts": "k"}, "must name a folder"),
        ({"url": "sftp://a.example/in", "known_hosts": "k"}, "user is missing"),
    ],
)
def test_what_makes_no_sense_is_named_without_secrets(section: dict[str, Any], message: str) -> None:
    with pytest.raises(BadConnections) as refused:
        connections(bad=section)
    assert "[connectors.bad]" in str(refused.value)
    assert message in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_files_are_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    section = {"url": "sftp://a.example/in", "user": "u", "password": "p", "known_hosts": "keys"}
    found = connections(None, tmp_path, bank=section).of("bank", SftpConnection, "c")
    assert found.known_hosts == str(tmp_path / "keys")


def test_a_model_hears_what_to_configure() -> None:
    found = connections(billing={"url": "https://a.example"})
    for name, message in ((None, "is missing"), ("other", r"write \[connectors.other\]"), ("billing", "not one for")):
        with pytest.raises(ConnectorRefused, match=message):
            found.of(name, MailConnection, "mail-connector")


def test_a_server_reads_them_and_refuses_to_start_with_nonsense(tmp_path: Path) -> None:
    path = tmp_path / "penstock.toml"
    path.write_text('[connectors.a]\nurl = "https://a.example"\n')
    assert read_file(path).path == path
    settings = ServerSettings(
        host="", port=0, store="", processes=1, log_format="", log_level="", node=Settings(), config=str(path)
    )
    assert "a" in load_connections(settings)
    path.write_text('[connectors.a]\nurl = "nothing"\n')
    with pytest.raises(BadSettings, match=r"\[connectors.a\]"):
        load_connections(settings)
