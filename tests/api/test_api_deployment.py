"""`/deployment` over a fake node."""

import httpx
from fake_engine import FakeEngine

from penstock.base.errors import ParseFailed
from penstock.model.findings import Finding, Severity
from penstock.runtime.protocol import Resource

PATH = "/engine-rest/deployment"
BPMN = ("order.bpmn", b"<xml/>", "text/xml")


async def test_camunda_modelers_deployment(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    answer = await client.post(
        PATH + "/create",
        data={
            "deployment-name": "order",
            "deployment-source": "Camunda Modeler",
            "enable-duplicate-filtering": "true",
            "tenant-id": "t1",
        },
        files=[("order.bpmn", BPMN), ("größe.form", ("größe.form", b"\x00\xff", "application/json"))],
    )
    assert answer.status_code == 200
    made = engine.deploys[0]
    assert (made.name, made.source, made.tenant) == ("order", "Camunda Modeler", "t1")
    assert made.enable_duplicate_filtering and not made.deploy_changed_only
    assert made.resources == (Resource("order.bpmn", b"<xml/>"), Resource("größe.form", b"\x00\xff"))
    body = answer.json()
    assert body["links"] == [{"method": "GET", "href": f"http://penstock.test{PATH}/{body['id']}", "rel": "self"}]
    assert body["deployedProcessDefinitions"] is None


async def test_what_a_deployment_must_have(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    async def refused(**request: object) -> tuple[int, str]:
        answer = await client.post(PATH + "/create", **request)  # type: ignore[arg-type]
        return answer.status_code, answer.json()["type"]

    assert await refused(files=[("deployment-name", (None, "x"))]) == (400, "InvalidRequestException")
    assert await refused(files=[("a", (None, "x"))]) == (400, "InvalidRequestException")
    assert await refused(json={}) == (415, "NotSupportedException")
    late = {"data": {"deployment-activation-time": "soon"}, "files": [("a.bpmn", BPMN)]}
    assert await refused(**late) == (500, "IllegalArgumentException")
    no_boundary = {"content": b"--x", "headers": {"content-type": "multipart/form-data"}}
    assert await refused(**no_boundary) == (400, "InvalidRequestException")
    assert engine.deploys == []


async def test_activation_dates(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    for text in ("2040-01-01T00:00:00.000+0000", "2040-01-01T01:00:00+01:00", "2040-01-01T00:00:00"):
        await client.post(PATH + "/create", data={"deployment-activation-time": text}, files=[("a.bpmn", BPMN)])
        assert engine.deploys[-1].activate_at_ms == 2208988800000


async def test_parse_errors_carry_details(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    bad = Finding(severity=Severity.ERROR, message="no", line=4, column=2, main_element_id="f", element_ids=("f", "g"))
    engine.failing = ParseFailed("ENGINE-09005 Could not parse BPMN process.", {"order.bpmn": [bad]})
    answer = await client.post(PATH + "/create", files=[("order.bpmn", BPMN)])
    assert answer.status_code == 400
    assert answer.json() == {
        "type": "ParseException",
        "message": "ENGINE-09005 Could not parse BPMN process.",
        "code": 0,
        "details": {
            "order.bpmn": {
                "errors": [
                    {"message": "no", "line": 4, "column": 2, "mainElementId": "f", "\u0435lementIds": ["f", "g"]}
                ],
                "warnings": [],
            }
        },
    }


async def test_reading_resources(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    await engine.insert("deployment", id="d", name="n", deployed_ms=0, tenant_id="t1")
    await engine.insert("resource", id="r", deployment_id="d", name="sub/nöte.txt", content=b"x")
    assert (await client.get(PATH, params={"tenantIdIn": "t2"})).json() == []
    both = {"tenantIdIn": "t2", "includeDeploymentsWithoutTenantId": "true"}
    assert (await client.get(PATH, params=both)).json() == []
    assert (await client.get(PATH + "/d")).json()["deploymentTime"] == "1970-01-01T00:00:00.000+0000"
    assert (await client.get(PATH + "/d/resources")).json() == [
        {"id": "r", "name": "sub/nöte.txt", "deploymentId": "d"}
    ]
    data = await client.get(PATH + "/d/resources/r/data")
    assert (data.headers["content-type"], data.content) == ("text/plain", b"x")
    assert (data.headers["x-content-type-options"], data.headers["content-security-policy"]) == ("nosniff", "sandbox")
    assert data.headers["content-disposition"] == "attachment; filename=\"n?te.txt\"; filename*=UTF-8''n%C3%B6te.txt"
    for path, status, type in (
        ("/x", 404, "InvalidRequestException"),
        ("/x/resources", 404, "InvalidRequestException"),
        ("/d/resources/x", 404, "InvalidRequestException"),
        ("/d/resources/x/data", 500, "NullValueException"),
    ):
        answer = await client.get(PATH + path)
        assert (answer.status_code, answer.json()["type"]) == (status, type)


async def test_redeployment_takes_what_is_named(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    await engine.insert("deployment", id="d", name="n", deployed_ms=0, tenant_id="t1")
    for name in ("a", "b"):
        await engine.insert("resource", id=name + "1", deployment_id="d", name=name, content=b"x")
    await client.post(PATH + "/d/redeploy", json={"resourceIds": ["a1"], "source": "again"})
    assert [r.name for r in engine.deploys[-1].resources] == ["a"]
    assert (engine.deploys[-1].name, engine.deploys[-1].source, engine.deploys[-1].tenant) == ("n", "again", "t1")
    await client.post(PATH + "/d/redeploy")
    assert [r.name for r in engine.deploys[-1].resources] == ["a", "b"]
    answer = await client.post(PATH + "/d/redeploy", json={"resourceNames": ["c"]})
    assert (answer.status_code, answer.json()["code"]) == (404, 0)
    assert (await client.post(PATH + "/x/redeploy")).status_code == 404


async def test_deleting(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    await engine.insert("deployment", id="d", name="n", deployed_ms=0)
    assert (await client.delete(PATH + "/d", params={"cascade": "true"})).status_code == 204
    assert engine.calls[0][1] == "d" and engine.calls[0][2]["cascade"] is True
    assert (await client.delete(PATH + "/x")).status_code == 404
