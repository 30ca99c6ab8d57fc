"""The table of connectors."""

import subprocess
import sys

import pytest
from places import connections

from penstock.base.errors import ConnectorRefused
from penstock.connect.allowed import Allowed
from penstock.connect.http.connector import ID as HTTP
from penstock.connect.registry import ROWS, Registry
from penstock.model.advice import CONNECTORS


def registry() -> Registry:
    return Registry(Allowed((), ()), 1_000, connections())


def test_models_are_told_of_exactly_those_that_there_are() -> None:
    assert {*ROWS, HTTP} == CONNECTORS
    found = registry()
    for id in CONNECTORS:
        assert found.find(id) is found.find(id) is not None
    assert found.find("other") is None


def test_what_is_not_installed_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtplib", None)
    monkeypatch.delitem(sys.modules, "penstock.connect.mail.connector", raising=False)
    with pytest.raises(ConnectorRefused, match=r"pip install 'penstock\[mail\]'"):
        registry().find("mail-connector")


async def test_sftp_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    monkeypatch.delitem(sys.modules, "penstock.connect.files.sftp", raising=False)
    section = {"url": "sftp://127.0.0.1/in", "user": "u", "password": "p", "known_hosts": "k"}
    found = Registry(Allowed((), ()), 1_000, connections(bank=section)).find("file-connector")
    assert found is not None
    with pytest.raises(ConnectorRefused, match=r"pip install 'penstock\[sftp\]'"):
        await found.call({"connection": "bank", "operation": "list"}, key="k")


def test_a_node_starts_without_what_only_connectors_need() -> None:
    code = "import sys, penstock.runtime.node; print([n for n in ('aiosmtplib', 'asyncssh') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
