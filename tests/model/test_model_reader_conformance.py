"""Accepted or refused as a recorded Camunda 7.24 did, over every BPMN case of the conformance suite."""

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from penstock.base.errors import ExpressionFailed, ParseFailed
from penstock.expr.juel import parse
from penstock.model.findings import Severity
from penstock.model.log import UnreadableResource
from penstock.model.reader import read_bpmn

ROOT = Path(__file__).resolve().parents[2]
SUITE = (ROOT / os.environ.get("PENSTOCK_SHARED", "../shared")).resolve() / "conformance"

pytestmark = pytest.mark.skipif(
    not (SUITE / "camunda7" / "cases.json").is_file(),
    reason=f"the conformance suite is not at {SUITE}; name its parent folder in PENSTOCK_SHARED",
)

AGREEMENT_LEAST = 0.98


def load_driver() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance_driver", SUITE / "drive.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_expression(text: str) -> str | None:
    try:
        parse(text)
    except ExpressionFailed as failed:
        return failed.message
    return None


def deploy(texts: dict[str, str]) -> dict[str, Any]:
    """What a deployment of these files answers, in the form of the recorded ones."""
    keys: list[str] = []
    for name, text in texts.items():
        try:
            read, _ = read_bpmn(text.encode(), name, check_expression=check_expression)
        except UnreadableResource:
            return {"status": 500}
        except ParseFailed as failed:
            errors = [f for f in failed.findings[name] if f.severity is Severity.ERROR]
            return {"status": 400, "errors": sorted(str(f.main_element_id) for f in errors)}
        keys += [process.id for process in read.processes]
    return {"status": 200, "definitions": sorted(keys)}


def test_deployable_as_recorded() -> None:
    driver = load_driver()
    golden: dict[str, Any] = {}
    for path in sorted((SUITE / "camunda7" / "golden").glob("*.json")):
        golden |= json.loads(path.read_text())
    compared, differ = 0, []
    for case in json.loads((SUITE / "camunda7" / "cases.json").read_text()):
        texts = {n: t for n, t in driver.read_case(case, str(SUITE / "camunda7")).items() if ".dmn" not in n}
        if not texts or case["id"] not in golden:
            continue
        for policy, trace in golden[case["id"]].items():
            if policy not in ("default", "broken"):
                continue
            change = driver.broken if policy == "broken" else str
            mine = deploy({n: change(driver.prepare(t)) for n, t in texts.items()})
            recorded = {key: value for key, value in trace["deploy"].items() if key not in ("type", "decisions")}
            compared += 1
            if mine != recorded:
                differ.append(f"{case['id']} {policy}: recorded {recorded}, read {mine}")
    assert compared > 1000
    assert len(differ) <= compared * (1 - AGREEMENT_LEAST), "\n".join(differ)
    assert not differ, "\n".join(differ)
