"""DMN: decision models, read and evaluated.

`load(xml)` gives `Decisions`; `Decisions.evaluate(name, inputs)` the value of a decision. The dialect "dmn" is the
standard (1.1 to 1.5), where an error is null and a message; "camunda7" is Camunda 7.24's, where it is an error, and the
result is a `DecisionResult`.
"""

from collections.abc import Mapping
from typing import Literal, overload

from penstock.dmn.camunda.decisions import CamundaDecisions
from penstock.dmn.camunda.definitions import load as load_camunda
from penstock.dmn.decisions import Decisions, Result
from penstock.dmn.reader import DmnRefused, read
from penstock.dmn.unknown import UnknownDecision

__all__ = ["CamundaDecisions", "Decisions", "DmnRefused", "Result", "UnknownDecision", "load"]

Imports = Mapping[str, bytes]


@overload
def load(xml: bytes, dialect: Literal["dmn"] = "dmn", imports: Imports | None = None) -> Decisions: ...


@overload
def load(xml: bytes, dialect: Literal["camunda7"], imports: None = None) -> CamundaDecisions: ...


def load(xml: bytes, dialect: str = "dmn", imports: Imports | None = None) -> Decisions | CamundaDecisions:
    """Reads a model, and the models that it imports by their namespace. Raises DmnRefused."""
    if dialect == "camunda7":
        return CamundaDecisions(load_camunda(xml))
    if dialect != "dmn":
        raise ValueError(f'there is no dialect {dialect!r}: "dmn" or "camunda7"')
    main, _ = read(xml)
    others = [read(data)[0] for data in (imports or {}).values()]
    return Decisions([main, *others])
