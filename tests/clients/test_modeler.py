"""Camunda Modeler's deployment tool for Camunda 7: its requests, exactly, and what it reads of the answers."""

import json
from typing import Any

import httpx
import pytest

from clients.remote import FOLDER
from support.processes import Server

ORIGIN = "file://"
"""Where the Modeler's page comes from."""
HEADERS = {"accept": "application/json", "origin": ORIGIN}
TIMEOUT_S = 5.0
"""After this the Modeler gives up."""
ORDER = FOLDER.parents[1] / "examples" / "order" / "order.bpmn"
CREDENTIALS = [
    pytest.param({}, id="none"),
    pytest.param({"authorization": "Basic ZGVtbzpkZW1v"}, id="basic"),
    pytest.param({"authorization": "Bearer token"}, id="bearer"),
]


@pytest.fixture(params=CREDENTIALS)
def modeler(server: Server, request: pytest.FixtureRequest) -> Any:
    """Requests as the Modeler sends them, with each kind of credentials."""
    with httpx.Client(
        base_url=f"{server.url}/engine-rest", headers=HEADERS | request.param, timeout=TIMEOUT_S
    ) as client:
        yield client


def _deploy(client: httpx.Client, *files: tuple[str, str], name: str = "model", **fields: str) -> httpx.Response:
    form = {"deployment-name": name, "deployment-source": "Camunda Modeler", "enable-duplicate-filtering": "true"}
    parts = [(file, (file, content.encode(), "text/xml")) for file, content in files]
    return client.post("/deployment/create", data=form | fields, files=parts)


def _model(key: str) -> tuple[str, str]:
    text = (FOLDER / "models" / "approve.bpmn").read_text().replace("KEY", key)
    return f"{key}.bpmn", text


def test_connection_check(modeler: httpx.Client) -> None:
    answer = modeler.get("/deployment", params={"maxResults": 0})
    assert (answer.status_code, answer.json()) == (200, [])
    assert answer.headers["content-type"] == "application/json"


def test_version(modeler: httpx.Client) -> None:
    assert modeler.get("/version").json() == {"version": "7.24.0"}


def test_deploy_and_run(modeler: httpx.Client) -> None:
    made = _deploy(modeler, ("order.bpmn", ORDER.read_text()), name=f"order {_credentials(modeler)}").json()
    assert made["id"] and made["deployedProcessDefinitions"] is not None
    definition = next(iter(made["deployedProcessDefinitions"].values()))
    body = {"businessKey": "default", "variables": {"orderId": {"type": "String", "value": "order-1"}}}
    started = modeler.post(f"/process-definition/{definition['id']}/start", json=body).json()
    assert started["definitionId"] == definition["id"]
    links = {"adminUrl", "cockpitUrl", "tasklistUrl"}
    webapps = modeler.get(f"{_origin(modeler)}/.well-known/camunda-automation-platform/webapps")
    assert webapps.status_code == 200 and set(webapps.json()) == links
    assert modeler.get(f"/process-instance/{started['id']}").json()["businessKey"] == "default"


def _credentials(client: httpx.Client) -> str:
    """The kind of credentials: a name that is another one for each of them."""
    return client.headers.get("authorization", "none").split()[0].lower()


def _origin(client: httpx.Client) -> str:
    return str(client.base_url).removesuffix("/engine-rest/")


def test_the_same_again_deploys_nothing(modeler: httpx.Client) -> None:
    model = _model(f"again{_credentials(modeler)}")
    first, second = _deploy(modeler, model).json(), _deploy(modeler, model).json()
    assert first["id"] == second["id"]
    assert second["deployedProcessDefinitions"] is None


def test_several_files_and_a_tenant(server: Server) -> None:
    with httpx.Client(base_url=f"{server.url}/engine-rest", headers=HEADERS, timeout=TIMEOUT_S) as client:
        form = ("form.form", json.dumps({"components": []}))
        made = _deploy(client, _model("several"), form, **{"tenant-id": "acme"}).json()
        assert made["tenantId"] == "acme"
        resources = client.get(f"/deployment/{made['id']}/resources").json()
        assert {resource["name"] for resource in resources} == {"several.bpmn", "form.form"}


def test_a_model_that_cannot_be_parsed(modeler: httpx.Client) -> None:
    file, text = _model("broken")
    answer = _deploy(modeler, (file, text.replace('targetRef="Done"', 'targetRef="nowhere"')))
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (400, "ParseException")
    assert problem["message"].startswith("ENGINE-09005 Could not parse BPMN process.")
    error = problem["details"][file]["errors"][0]
    assert "nowhere" in error["message"] and error["line"] > 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/version"), ("POST", "/deployment/create"), ("POST", "/process-definition/x/start")]
)
def test_preflight(modeler: httpx.Client, method: str, path: str) -> None:
    asked = {"access-control-request-method": method, "access-control-request-headers": "authorization,content-type"}
    answer = modeler.options(path, headers=asked)
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] in (ORIGIN, "*")
    assert method in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"].lower() == "authorization,content-type"


def test_answers_may_be_read_by_the_page(modeler: httpx.Client) -> None:
    for answer in (modeler.get("/version"), modeler.get("/process-instance/nope"), _deploy(modeler, ("x.bpmn", "<"))):
        assert answer.headers["access-control-allow-origin"] in (ORIGIN, "*"), answer.status_code


def test_a_large_model_is_deployed_in_time(modeler: httpx.Client) -> None:
    """2,000 tasks, within the five seconds after which the Modeler gives up."""
    tasks = "".join(
        f'<userTask id="t{number}" /><sequenceFlow id="f{number}" sourceRef="t{number - 1}" targetRef="t{number}" />'
        for number in range(1, 2_000)
    )
    text = (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t">'
        f'<process id="large{_credentials(modeler)}" isExecutable="true">'
        f'<startEvent id="s" /><sequenceFlow id="f0" sourceRef="s" targetRef="t0" /><userTask id="t0" />{tasks}'
        "</process></definitions>"
    )
    assert _deploy(modeler, ("large.bpmn", text)).status_code == 200
