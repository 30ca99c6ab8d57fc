"""What the lines of the log do not show."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.cli.quiet import is_safe

TALKS = """
import asyncio
from support.http_server import http_server, text
from penstock.cli import logs
from penstock.connect.allowed import Allowed
from penstock.connect.http.connector import HttpConnector

async def main():
    async with http_server() as server:
        server.answers["/a"] = text("SECRET body", Set_Cookie="session=SECRET")
        made = HttpConnector(Allowed([f"127.0.0.1:{server.port}"], []), 10_000)
        headers = {"Authorization": "Bearer SECRET"}
        inputs = {"url": f"{server.url}/a?key=SECRET", "method": "POST", "headers": headers, "payload": "SECRET"}
        answer = await made.call(inputs, key="k")
        await made.close()
        print(answer["headers"]["Set-Cookie"])

logs.configure("%s", "debug")
asyncio.run(main())
"""


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_a_connectors_call_is_not_written_out_at_the_level_debug(log_format: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", TALKS % log_format],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[1],
    )
    assert found.stdout.strip() == "session=SECRET"
    assert "SECRET" not in found.stderr
    assert "asyncio" in found.stderr, "other lines of this level are there"


@pytest.mark.parametrize(
    ("name", "level", "shown"),
    [
        ("botocore.endpoint", logging.DEBUG, False),
        ("aiormq", logging.DEBUG, False),
        ("aiormq", logging.INFO, True),
        ("penstock.worker", logging.DEBUG, True),
        ("shop.payments", logging.DEBUG, True),
    ],
)
def test_libraries_that_speak_with_others_are_not_heard_at_the_level_debug(name: str, level: int, shown: bool) -> None:
    record = logging.LogRecord(name, level, "x", 1, "sends %s", ("secret",), None)
    assert is_safe(record) is shown
