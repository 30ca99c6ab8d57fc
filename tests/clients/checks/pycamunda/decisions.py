"""pycamunda 0.6.1: decision definitions. The package cannot set their time to live."""

from typing import Any

import pycamunda
from pycamunda import decisiondef, deployment
from runner import FOLDER, Rig, raises


def _deployed(rig: Rig) -> tuple[str, Any]:
    key = rig.unique("discount")
    create = deployment.Create(rig.url, key)
    create.add_resource((f"{key}.dmn", _model(key), "text/xml"))
    made = create()
    (definition,) = made.deployed_decision_definitions.values()
    # Camunda 7 keeps the requirements of a file with more than one decision only (`DecisionRequirementsDefinitionDeployer`).
    assert made.deployed_decision_requirements_definitions is None
    return key, definition


def _model(key: str) -> str:
    return (FOLDER / "models" / "discount.dmn").read_text().replace("KEY", key)


def check_list_count_get(rig: Rig) -> None:
    key, definition = _deployed(rig)
    assert (definition.name, definition.version, definition.version_tag) == (f"Discount {key}", 1, "1.2")
    assert (definition.history_time_to_live, definition.tenant_id) == (5, None)
    assert definition.decision_requirements_definition_key is None
    criteria: dict[str, Any] = {
        "id_": definition.id_,
        "id_in": [definition.id_],
        "name": f"Discount {key}",
        "name_like": f"%{key}",
        "deployment_id": definition.deployment_id,
        "key": key,
        "key_like": f"{key}%",
        "version": 1,
        "latest_version": True,
        "resource_name": f"{key}.dmn",
        "resource_name_like": "%.dmn",
        "without_tenant_id": True,
    }
    for sort_by in ("category", "key", "id_", "name", "version", "deployment_id", "tenant_id"):
        assert decisiondef.GetList(rig.url, **criteria, sort_by=sort_by, max_results=2)() == (definition,)
    assert decisiondef.Count(rig.url, **criteria)() == 1
    assert decisiondef.Count(rig.url, key=key, tenant_id_in=["nobody"])() == 0
    assert decisiondef.Get(rig.url, key=key)() == decisiondef.Get(rig.url, id_=definition.id_)() == definition
    raises(pycamunda.NotFound, decisiondef.Get(rig.url, key="nope"))


def check_xml_and_diagram(rig: Rig) -> None:
    key, definition = _deployed(rig)
    assert decisiondef.GetXML(rig.url, key=key)() == _model(key)
    assert decisiondef.GetDiagram(rig.url, id_=definition.id_)() == b""


def check_evaluate(rig: Rig) -> None:
    key, definition = _deployed(rig)
    evaluate = decisiondef.Evaluate(rig.url, key=key)
    evaluate.add_variable("amount", 150, "Integer")
    results = evaluate()
    assert [row["percent"].value for row in results] == [1, 10]
    assert results[0]["percent"].type_ == "Integer"
    below = decisiondef.Evaluate(rig.url, id_=definition.id_)
    below.add_variable("amount", 5)
    assert [row["percent"].value for row in below()] == [1]
    raises(pycamunda.NotFound, decisiondef.Evaluate(rig.url, key="nope"))
