"""Connectors' settings as a server reads them, and connectors in a test's engine."""

from pathlib import Path

import pytest

from penstock.cli.settings import BadSettings, node_settings, read_file
from penstock.runtime.delegates import DelegateScope
from penstock.testing import VirtualEngine


def test_lists_come_from_the_file_or_with_commas_from_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "penstock.toml"
    path.write_text('[server]\nconnector_hosts = ["a.example", "*.b.example:8443"]\n')
    file = read_file(path)
    found = node_settings(file, {}, execute_jobs=True, profile=None)
    assert found.connector_hosts == ("a.example", "*.b.example:8443")
    found = node_settings(file, {"PENSTOCK_CONNECTOR_HOSTS": "c.example, d.example"}, execute_jobs=True, profile=None)
    assert found.connector_hosts == ("c.example", "d.example")
    found = node_settings(file, {"PENSTOCK_CONNECTOR_HOSTS": ""}, execute_jobs=True, profile=None)
    assert found.connector_hosts == ()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PENSTOCK_CONNECTOR_HOSTS": "http://a.example"}, "connector_hosts: 'http://a.example' is no host"),
        ({"PENSTOCK_CONNECTOR_NETWORKS": "10.0.0.0/99"}, "connector_networks: '10.0.0.0/99' is no network"),
        ({"PENSTOCK_CONNECTOR_TIMEOUT_MS": "400000"}, "less than job_lease_ms"),
    ],
)
def test_what_makes_no_sense_is_said_before_the_server_starts(environment: dict[str, str], message: str) -> None:
    with pytest.raises(BadSettings) as refused:
        node_settings(read_file(None), environment, execute_jobs=True, profile=None)
    assert message in str(refused.value)


MODEL = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><process id="p" isExecutable="true" camunda:historyTimeToLive="P1D">
<startEvent id="s"/><serviceTask id="call"><extensionElements><camunda:connector><camunda:connectorId>http-connector
</camunda:connectorId><camunda:inputOutput><camunda:inputParameter name="url">https://a.example/${id}</camunda:inputParameter>
<camunda:outputParameter name="answer">${response}</camunda:outputParameter></camunda:inputOutput></camunda:connector>
</extensionElements></serviceTask><sequenceFlow id="f" sourceRef="s" targetRef="call"/></process></definitions>"""


def test_a_function_stands_for_the_service_in_a_test() -> None:
    def answer(scope: DelegateScope) -> dict[str, object]:
        return {"statusCode": 200, "response": f"seen {scope.fields['url']}"}

    with VirtualEngine() as engine:
        engine.delegate("http-connector", answer)
        engine.deploy(MODEL)
        instance = engine.start("p", {"id": 5})
        assert instance.variables["answer"] == "seen https://a.example/5"
