"""Engine → bus → engine, and events that leave."""

import asyncio
from typing import Any

import pytest
from bridge_models import CHARGE, SHIPPED
from site_of_tests import Site, until
from test_intake import ORDERS

from penstock.bus.cloudevents import CloudEvent
from penstock.engine.commands import FailExternalTask, SetExternalTaskRetries, SetSuspension
from penstock.store.protocol import Fetch, TopicFetch
from penstock.store.query import Query, eq

CHARGES = """
[topic."charge-card"]
connection = "events"
request = "charge.requests"
reply = "charge.replies"
"""
HASTY = CHARGES + 'timeout = "PT0.6S"\nretries = 2\nretry_timeout = "PT0.2S"\n'

EVENTS = """
[topic.packed]
connection = "events"
publish = "parcels"
event = "ParcelPacked"
data = { order = "task.businessKey", weight = "variables.weight * 2" }
[topic.notify]
connection = "events"
publish = "parcels"
event = "CustomerNotified"
[topic.shipped]
connection = "events"
publish = "parcels"
event = "ParcelShipped"
"""


async def reply(site: Site, request: CloudEvent, kind: str, data: dict[str, Any] | None = None, **more: Any) -> None:
    cause = {"causationid": request.id} | more
    await site.event("charge.replies", f"penstock.task.{kind}", data, subject=request.subject, **cause)


async def incidents(site: Site, instance: str) -> list[Any]:
    return await site.node.rows(Query("incident", (eq("instance_id", instance),)))


async def test_a_task_goes_out_and_its_answer_completes_it(site: Site) -> None:
    await site.start(CHARGES, CHARGE)
    instance = await site.start_instance("charge", "K", amount=7)
    (request,) = await site.received("charge.requests", 1)
    task = await site.task(instance)
    assert request.type == "penstock.task.requested" and request.subject == task["id"]
    assert (request.correlationid, request.partitionkey) == ("K", "K")
    assert request.data["variables"]["amount"] == {"type": "Long", "value": 7, "valueInfo": {}}
    assert request.data["workerId"] == "penstock-bus" and request.data["topicName"] == "charge-card"
    assert request.data["lockExpirationTime"] is not None and request.data["businessKey"] == "K"
    assert (task["worker_id"], task["request_id"]) == ("penstock-bus", request.id)
    await reply(site, request, "completed", {"variables": {"paid": {"value": 7, "type": "Integer"}}})
    found = await site.at(instance, "t")
    assert found.executions[instance].variables["paid"].value.value == 7
    await site.clean_outbox()


async def test_workers_do_not_get_the_tasks_of_a_bound_topic(site: Site) -> None:
    await site.start(CHARGES, CHARGE)
    instance = await site.start_instance("charge")
    await site.received("charge.requests", 1)
    task = await site.task(instance)
    await site.node.store.unlock(task["id"])
    fetch = Fetch(worker="w", max_tasks=5, topics=[TopicFetch(topic="charge-card", lock_duration_ms=1000)])
    assert await site.node.fetch_and_lock(fetch, wait_ms=300) == []


async def test_a_bpmn_error_takes_its_way(site: Site) -> None:
    await site.start(CHARGES, CHARGE)
    instance = await site.start_instance("charge")
    (request,) = await site.received("charge.requests", 1)
    await reply(site, request, "bpmn-error", {"errorCode": "DECLINED", "errorMessage": "no money"})
    await site.at(instance, "refused")


async def test_a_failure_is_tried_again_by_policy_and_ends_in_an_incident(site: Site) -> None:
    await site.start(HASTY.replace("PT0.6S", "PT30S"), CHARGE)
    instance = await site.start_instance("charge")
    (first,) = await site.received("charge.requests", 1)
    await reply(site, first, "failed", {"errorMessage": "card reader is down", "errorDetails": "long"})
    second = (await site.received("charge.requests", 1))[0]
    assert second.id != first.id and second.subject == first.subject and second.data["retries"] == 1
    task = await site.task(instance)
    assert (task["retries"], task["error_message"]) == (1, "card reader is down")
    await reply(site, second, "failed", {"errorMessage": "still down"})

    async def stopped() -> list[Any]:
        return await incidents(site, instance)

    assert (await until(stopped))[0]["message"] == "still down"
    await site.node.execute(SetExternalTaskRetries(instance=instance, external_task=task["id"], retries=1))
    (third,) = await site.received("charge.requests", 1)
    await reply(site, third, "completed")
    await site.at(instance, "t")


async def test_retries_of_the_answer_go_before_the_policy(site: Site) -> None:
    await site.start(CHARGES, CHARGE)
    instance = await site.start_instance("charge")
    (request,) = await site.received("charge.requests", 1)
    await reply(site, request, "failed", {"errorMessage": "m", "retries": 7, "retryTimeout": 0})
    (again,) = await site.received("charge.requests", 1)
    assert again.data["retries"] == 7
    assert (await site.task(instance))["retries"] == 7


async def test_without_an_answer_the_task_fails_and_is_requested_again(site: Site) -> None:
    await site.start(HASTY, CHARGE)
    instance = await site.start_instance("charge")
    requests = await site.received("charge.requests", 2)
    assert len({request.id for request in requests}) == 2

    async def stopped() -> list[Any]:
        return await incidents(site, instance)

    (incident,) = await until(stopped)
    assert incident["message"].startswith("No answer to the request") and incident["message"].endswith("within 600 ms")


async def test_a_failure_that_crosses_the_end_of_its_time_does_not_harm_the_next_attempt(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.start(HASTY.replace("retries = 2", "retries = 5"), CHARGE)
    instance = await site.start_instance("charge")
    (first,) = await site.received("charge.requests", 1)
    take_in = site.node.take_in

    async def hesitant(command: Any, **more: Any) -> Any:
        if isinstance(command, FailExternalTask) and command.error_message == "slow":
            await site.received("charge.requests", 1)
        return await take_in(command, **more)

    monkeypatch.setattr(site.node, "take_in", hesitant)
    await reply(site, first, "failed", {"errorMessage": "slow", "retries": 0})
    (letter,) = await site.dead("charge.replies.dead")
    assert letter.reason.startswith("late:")
    assert (await site.task(instance))["error_message"] != "slow"
    assert not await incidents(site, instance)


async def test_what_leaves_names_the_message_that_caused_it(site: Site) -> None:
    start = ORDERS.replace('"order"', '"charge"')
    await site.start(
        start + CHARGES,
        CHARGE.replace(b'id="t"', b'id="t" camunda:type="external" camunda:topic="charge-card"').replace(
            b'userTask id="t"', b'serviceTask id="t"'
        ),
    )
    await site.event("orders", "OrderAccepted", {"orderId": "A", "amount": 1}, id="m-1")
    (first,) = await site.received("charge.requests", 1)
    assert first.causationid == "m-1"
    await reply(site, first, "completed", id="r-1")
    (second,) = await site.received("charge.requests", 1)
    assert (second.causationid, second.data["activityId"]) == ("r-1", "t")
    instance = await site.start_instance("charge")
    (other,) = await site.received("charge.requests", 1)
    assert other.causationid == instance


async def test_a_late_completion_still_completes_and_a_late_failure_is_ignored_and_kept(site: Site) -> None:
    await site.start(HASTY.replace('"PT0.2S"', '"PT1H"').replace("retries = 2", "retries = 5"), CHARGE)
    instance = await site.start_instance("charge")
    (request,) = await site.received("charge.requests", 1)

    async def failed() -> bool:
        return (await site.task(instance))["retries"] == 4

    await until(failed)
    await reply(site, request, "failed", {"errorMessage": "late"})
    (letter,) = await site.dead("charge.replies.dead")
    assert letter.reason.startswith("late:")
    assert (await site.task(instance))["retries"] == 4
    await reply(site, request, "completed")
    await site.at(instance, "t")


async def test_a_failure_of_the_attempt_before_does_not_harm_the_next_one(site: Site) -> None:
    await site.start(HASTY.replace("retries = 2", "retries = 5").replace("PT0.6S", "PT2S"), CHARGE)
    await site.start_instance("charge")
    first, second = await site.received("charge.requests", 2)
    await reply(site, first, "failed", {"errorMessage": "late"})
    (letter,) = await site.dead("charge.replies.dead")
    assert "late" in letter.reason and first.id in letter.reason
    await reply(site, second, "completed")


async def test_an_answer_has_one_effect_and_what_is_wrong_is_kept(site: Site) -> None:
    await site.start(CHARGES, CHARGE)
    instance = await site.start_instance("charge")
    (request,) = await site.received("charge.requests", 1)
    for _ in range(3):
        await reply(site, request, "completed")
    await site.at(instance, "t")
    letters = await site.dead("charge.replies.dead", 2)
    assert all("does not wait any more" in letter.reason for letter in letters)
    for kind, data, subject in (
        ("finished", {}, request.subject),
        ("completed", {}, None),
        ("completed", {"variables": {"x": {"type": "Integer", "value": "y"}}}, request.subject),
        ("bpmn-error", {}, request.subject),
    ):
        await site.event("charge.replies", f"penstock.task.{kind}", data, subject=subject)
    assert len({letter.reason for letter in await site.dead("charge.replies.dead", 4)}) >= 3


async def test_an_answer_that_comes_twice_under_one_id_is_no_dead_letter(site: Site) -> None:
    await site.start(CHARGES, CHARGE)
    instance = await site.start_instance("charge")
    (request,) = await site.received("charge.requests", 1)
    for _ in range(3):
        await site.event("charge.replies", "penstock.task.completed", {}, subject=request.subject, id="same")
    await site.at(instance, "t")

    async def taken() -> bool:
        return site.counts().total() == 3

    await until(taken)
    assert site.counts() == {"penstock.task.completed": 1, "duplicate": 2}


async def test_events_leave_in_order_and_their_tasks_are_done(site: Site) -> None:
    await site.start(EVENTS, SHIPPED)
    instances = [await site.start_instance("shipping", f"K{number}", weight=number) for number in range(10)]
    for instance in instances:
        await site.ended(instance)
    events = await site.received("parcels", 30)
    for number in range(10):
        of_one = [event for event in events if event.correlationid == f"K{number}"]
        assert [event.type for event in of_one] == ["ParcelPacked", "CustomerNotified", "ParcelShipped"]
        assert of_one[0].data == {"order": f"K{number}", "weight": number * 2}
        assert of_one[1].data["processInstanceId"] == instances[number]
    await site.clean_outbox()


async def test_a_task_that_was_there_before_its_topic_was_bound_goes_out(site: Site) -> None:
    await site.start("", CHARGE)
    instance = await site.start_instance("charge")
    assert (await site.task(instance))["worker_id"] is None
    site.write(CHARGES)
    (request,) = await site.received("charge.requests", 1)
    await reply(site, request, "completed")
    await site.at(instance, "t")


async def test_a_suspended_instance_gets_its_answer_when_it_goes_on(site: Site) -> None:
    await site.start(CHARGES, CHARGE)
    instance = await site.start_instance("charge")
    (request,) = await site.received("charge.requests", 1)
    await site.node.execute(SetSuspension(instance=instance, suspended=True))
    await reply(site, request, "completed")
    await asyncio.sleep(0.3)
    assert await site.task(instance)
    await site.node.execute(SetSuspension(instance=instance, suspended=False))
    await reply(site, request, "completed")
    await site.at(instance, "t")


async def test_a_broker_that_is_away_costs_no_attempt(site: Site) -> None:
    await site.start(HASTY, CHARGE)
    await site.broker.stop()
    instance = await site.start_instance("charge")
    await asyncio.sleep(2.5)
    assert (await site.task(instance))["retries"] is None
    await site.broker.start()
    (request,) = await site.received("charge.requests", 1)
    await reply(site, request, "completed")
    await site.at(instance, "t")


async def test_a_message_that_the_broker_refuses_holds_back_its_key_only(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.start(CHARGES.replace("request", "retries = 1\nrequest", 1), CHARGE)
    monkeypatch.setattr(site.bridges.links["events"].bus, "message_bytes_max", 3_000)
    large = await site.start_instance("charge", "large", text="x" * 4_000)
    small = await site.start_instance("charge", "small")
    (request,) = await site.received("charge.requests", 1)
    assert request.data["processInstanceId"] == small

    async def stopped() -> list[Any]:
        return await incidents(site, large)

    (incident,) = await until(stopped)
    assert "The broker refuses the message: the message has" in incident["message"]
