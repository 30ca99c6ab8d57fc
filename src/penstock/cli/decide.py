"""`penstock decide`"""

from pathlib import Path
from typing import Annotated, Any

import typer

Model = Annotated[Path, typer.Argument(help="The DMN file.", exists=True, dir_okay=False, readable=True)]


def decide(
    model: Model,
    name: Annotated[str, typer.Argument(help="Name of the decision, or of a business knowledge model.")],
    input_: Annotated[str, typer.Option("--input", "-i", help="Inputs as a JSON object, or @FILE.")] = "{}",
    service: Annotated[str | None, typer.Option(help="Evaluate it inside of this decision service.")] = None,
    import_: Annotated[
        list[Path] | None,
        typer.Option("--import", help="A model that the file imports; may be repeated.", exists=True, dir_okay=False),
    ] = None,
    dialect: Annotated[
        str, typer.Option(help="dmn: the standard; camunda7: as the server evaluates a deployed decision.")
    ] = "dmn",
    as_json: Annotated[bool, typer.Option("--json", help="Print the value and the messages as JSON.")] = False,
) -> None:
    """Evaluate a decision of a DMN file, without a server.

    Dates, times and durations are ISO 8601 texts where the model declares them. What has no value is null, and a
    message on standard error says why.
    """
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.show import print_json
    from penstock.dmn import DmnRefused, UnknownDecision

    inputs = _inputs(input_)
    messages: list[str] = []
    try:
        if dialect == "camunda7":
            value = _as_camunda(model, name, inputs)
        else:
            value, messages = _as_standard(model, name, inputs, service, import_ or [])
    except DmnRefused as error:
        place = f" (line {error.line})" if error.line else ""
        fail(f"{model} is no DMN model{place}: {error.message}")
    except UnknownDecision as error:
        fail(str(error), USAGE)
    if as_json:
        print_json({"value": value, "messages": messages})
        return
    print_json(value)
    for message in messages:
        typer.echo(f"note: {message}", err=True)


def _as_standard(
    model: Path, name: str, inputs: dict[str, Any], service: str | None, imports: list[Path]
) -> tuple[Any, list[str]]:
    """The value of a decision, and why parts of it are null."""
    from penstock.cli.fail import USAGE, fail
    from penstock.dmn import load
    from penstock.dmn.json_values import to_json
    from penstock.expr.feel import FeelError

    decisions = load(model.read_bytes(), imports={str(path): path.read_bytes() for path in imports})
    try:
        result = decisions.evaluation(name, decisions.inputs_of_json(inputs), service)
    except FeelError as error:
        fail(f"an input is no value that a decision knows: {error}", USAGE)
    return to_json(result.value), [*decisions.problems, *result.messages]


def _as_camunda(model: Path, name: str, inputs: dict[str, Any]) -> Any:
    """The outputs of each rule that matched."""
    from penstock.base.errors import DecisionFailed
    from penstock.cli.fail import fail
    from penstock.dmn import load
    from penstock.expr.values import plain

    try:
        result = load(model.read_bytes(), "camunda7").evaluate(name, inputs)
    except DecisionFailed as error:
        fail(error.message)
    return [{output or "": plain(value.value) for output, value in rule.items()} for rule in result.rules]


def _inputs(text: str) -> dict[str, Any]:
    import json
    from decimal import Decimal

    from penstock.cli.fail import USAGE, fail

    try:
        source = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
        found = json.loads(source, parse_float=Decimal)
    except (OSError, ValueError) as error:
        fail(f"--input: {error}", USAGE)
    if not isinstance(found, dict):
        fail("--input is a JSON object: names and values of inputs", USAGE)
    return found
