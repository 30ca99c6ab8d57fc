"""`penstock decide`, without a server."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dmn.models import decision, definitions, inputs, literal
from penstock.cli.application import app

MODEL = inputs(day="date", n="number") + decision("next day", literal('day + duration("P1D")'), ["day"])
MODEL += decision("half", literal("n / 2"), ["n"]) + decision("broken", literal("1 +"))


@pytest.fixture
def decide(tmp_path: Path) -> "Decide":
    (tmp_path / "model.dmn").write_bytes(definitions(MODEL))
    return Decide(tmp_path)


class Decide:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *args: str, file: str = "model.dmn") -> Result:
        return CliRunner().invoke(app, ["decide", str(self.folder / file), *args])


def test_a_value_is_printed_as_json(decide: Decide) -> None:
    assert decide("half", "--input", '{"n": 5}').stdout == "2.5\n"
    assert decide("next day", "--input", '{"day": "2024-02-28"}').stdout == '"2024-02-29"\n'
    (decide.folder / "in.json").write_text('{"n": 0.1}')
    assert decide("half", "-i", f"@{decide.folder / 'in.json'}").stdout == "0.05\n"


def test_messages_say_why_it_is_null(decide: Decide) -> None:
    done = decide("half", "--input", '{"n": "x"}', "--json")
    assert json.loads(done.stdout)["value"] is None
    assert any("no number" in message for message in json.loads(done.stdout)["messages"])
    done = decide("broken")
    assert done.stdout.startswith("null\n")
    assert "note: " in done.stderr


def test_the_dialect_of_the_server(decide: Decide) -> None:
    done = decide("half", "--input", '{"n": 5}', "--dialect", "camunda7")
    assert json.loads(done.stdout) == [{"half": 2.5}]
    done = decide("broken", "--dialect", "camunda7")
    assert (done.exit_code, "FEEL" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["nope"], 2, "the model has no decision 'nope'; it has: next day, half, broken"),
        (["half", "--input", "[1]"], 2, "JSON object"),
        (["half", "--input", "{"], 2, "--input"),
        (["half", "--input", "@missing.json"], 2, "missing.json"),
    ],
)
def test_what_makes_no_sense_is_said(decide: Decide, args: list[str], code: int, message: str) -> None:
    done = decide(*args)
    assert (done.exit_code, message in done.stderr) == (code, True)


def test_a_file_that_is_no_model(decide: Decide) -> None:
    (decide.folder / "bad.dmn").write_text("<a/>")
    done = decide("x", file="bad.dmn")
    assert (done.exit_code, "is no DMN model" in done.stderr) == (1, True)
