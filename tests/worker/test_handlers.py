"""What handlers take and give back."""

import asyncio
import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest

from penstock.base.clock import VirtualClock
from penstock.worker import BpmnError, Completed, ExternalTask, InvalidVariable, Retries, TaskFailure, TaskResult
from penstock.worker.backoff import Backoff
from penstock.worker.handlers import Handler
from penstock.worker.records import LockedTask
from penstock.worker.reports import Reporting
from penstock.worker.topic import Topic
from penstock.worker.values import WireValue

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Order(msgspec.Struct, rename="camel"):
    order_id: str
    amount: Decimal
    items: list[dict[str, Any]] = []
    due: datetime | None = None


@dataclasses.dataclass
class Plain:
    amount: float
    note: str = ""


def task_of(*, appends: bool = True, retries: int | None = None, **variables: WireValue) -> ExternalTask:
    """A locked task without a server."""
    locked = LockedTask(
        id="t1",
        topic_name="topic",
        worker_id="w",
        activity_id="Work",
        process_instance_id="p1",
        business_key="o-1",
        retries=retries,
        variables=variables,
    )
    return ExternalTask(locked, cast(Any, None), 30_000, complete=True, appends=appends)


ORDER = {"orderId": WireValue("String", "o-1"), "amount": WireValue("String", "12.50")}


def test_a_model_gets_its_variables() -> None:
    def handler(order: Order) -> None: ...

    made = Handler(handler)
    assert made.variables() == ("orderId", "amount", "items", "due")
    assert made.model is Order and not made.is_async and not made.takes_task
    seen: list[Any] = []
    Handler(_annotated(seen.append, Order)).call(task_of(**ORDER, other=WireValue("Integer", 1)))
    assert seen == [Order("o-1", Decimal("12.50"))]


def _annotated(function: Any, kind: type) -> Any:
    def handler(model: Any) -> None:
        function(model)

    handler.__annotations__ = {"model": kind}
    return handler


def test_task_and_model_in_any_order_and_by_keyword() -> None:
    def first(task: ExternalTask, order: Order) -> tuple[Any, Any]:
        return task, order

    def last(order: Order, *, task: ExternalTask) -> tuple[Any, Any]:
        return task, order

    def bare(task) -> Any:  # type: ignore[no-untyped-def]
        return task

    task = task_of(**ORDER)
    for function in (first, last):
        made = Handler(function)
        assert made.variables() is None
        assert made.call(task) == (task, Order("o-1", Decimal("12.50")))
    assert Handler(bare).call(task) is task
    assert Handler(lambda: 1).call(task) == 1
    assert Handler(lambda: 1).variables() == ()


async def test_coroutine_functions_and_callable_objects() -> None:
    class Callable:
        async def __call__(self, task: ExternalTask) -> None: ...

    async def plain(task: ExternalTask) -> int:
        await asyncio.sleep(0)
        return 3

    assert Handler(plain).is_async and Handler(Callable()).is_async
    assert await Handler(plain).call(task_of()) == 3


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"orderId": WireValue("String", "x")}, "Variable 'amount': it is missing, and Order needs it"),
        (ORDER | {"amount": WireValue("Boolean", True)}, r"Variable 'amount': .*Order\.amount"),
        (ORDER | {"orderId": WireValue("Integer", 3)}, "Variable 'orderId': Expected `str`, got `int`"),
        (ORDER | {"items": WireValue("Json", "[1]")}, r"Variable 'items': Expected `object`, got `int` at '\[0\]'"),
        (ORDER | {"due": WireValue("Date", "soon")}, "Variable 'due': what the server sent is no Date"),
    ],
)
def test_what_does_not_fit_is_named(variables: dict[str, WireValue], message: str) -> None:
    with pytest.raises(InvalidVariable, match=message):
        Handler(_annotated(lambda model: None, Order)).call(task_of(**variables))


def test_a_dataclass_is_a_model_too() -> None:
    seen: list[Plain] = []
    made = Handler(_annotated(seen.append, Plain))
    made.call(task_of(amount=WireValue("Double", 1.5)))
    assert made.variables() == ("amount", "note")
    assert seen == [Plain(1.5)]


def _bad_type(amount: int) -> None: ...
def _two_tasks(a: ExternalTask, b: ExternalTask) -> None: ...
def _two_models(a: Order, b: Plain) -> None: ...
def _stars(*tasks: ExternalTask) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_bad_type, "parameter 'amount' is neither the ExternalTask nor a model"),
        (_two_tasks, "a second task"),
        (_two_models, "a second model"),
        (_stars, r"\*args and \*\*kwargs"),
    ],
)
def test_signatures_that_nobody_can_call(function: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Handler(function)


# ------------------------------------------------------------------------------------------ what is reported

REPORTING = Reporting("w", "ProcessTaskResults", VirtualClock())


def _topic(**options: Any) -> Topic:
    return Topic(name="topic", handler=Handler(lambda: None), lock_duration_ms=1_000, retries=Retries(**options))


def _body(report: Any) -> Any:
    return msgspec.json.decode(report.ask.body)


@pytest.mark.parametrize(
    ("outcome", "variables", "local"),
    [
        (None, None, None),
        ({"a": 1}, {"a": {"type": "Integer", "value": 1}}, None),
        (Plain(1.0), {"amount": {"type": "Double", "value": 1.0}, "note": {"type": "String", "value": ""}}, None),
        (Completed(local_variables={"a": 1}), None, {"a": {"type": "Integer", "value": 1}}),
    ],
)
def test_outcomes(outcome: Any, variables: Any, local: Any) -> None:
    body = _body(REPORTING.completed(task_of(), outcome, BEGAN))
    assert (body["workerId"], body.get("variables"), body.get("localVariables")) == ("w", variables, local)


@pytest.mark.parametrize("outcome", [3, "text", [1], {1: 2}, {"a": object()}])
def test_what_is_no_outcome(outcome: Any) -> None:
    with pytest.raises((TypeError, InvalidVariable)):
        REPORTING.completed(task_of(), outcome, BEGAN)


@pytest.mark.parametrize("appends", [True, False])
def test_a_result_is_appended_or_written_apart(appends: bool) -> None:
    outcome = Completed(variables={"a": 1}, result=TaskResult(data={"paid": True}))
    variables = _body(REPORTING.completed(task_of(appends=appends), outcome, BEGAN))["variables"]
    written = variables["ProcessTaskResults" if appends else "ProcessTaskResults.t1"]
    assert (written.get("valueInfo") == {"append": True}) is appends
    document = msgspec.json.decode(written["value"])
    assert document["correlationId"] == "o-1"
    (entry,) = document["taskResults"]
    assert set(entry) == {"data", "startTime", "endTime", "taskId"}
    assert (entry["data"], entry["taskId"], entry["startTime"]) == ({"paid": True}, "Work", "2026-01-01T00:00:00Z")


def test_a_failure_takes_a_retry_and_waits_longer_each_time() -> None:
    topic = _topic(count=3, backoff=Backoff(first_ms=100, jitter=0.0))
    told = []
    for retries in (None, 2, 1):
        try:
            raise RuntimeError("the carrier\0 does not answer")
        except RuntimeError as error:
            body = _body(REPORTING.failed(task_of(retries=retries), topic, error))
        told.append((body["retries"], body["retryTimeout"]))
        assert body["errorMessage"] == "the carrier\N{REPLACEMENT CHARACTER} does not answer"
        assert "test_handlers.py" in body["errorDetails"] and "RuntimeError" in body["errorDetails"]
    assert told == [(2, 100), (1, 200), (0, 0)]


def test_a_failure_may_say_what_follows() -> None:
    failure = TaskFailure("later", retries=7, retry_timeout_ms=5, details="the log")
    body = _body(REPORTING.failed(task_of(), _topic(), failure))
    assert (body["retries"], body["retryTimeout"], body["errorDetails"]) == (7, 5, "the log\n(next attempt: 2)")


def test_variables_that_do_not_fit_are_not_tried_again() -> None:
    body = _body(REPORTING.failed(task_of(), _topic(), InvalidVariable("amount", "it is missing")))
    assert (body["retries"], body["errorMessage"]) == (0, "Variable 'amount': it is missing")


def test_a_bpmn_error_is_no_failure() -> None:
    error = BpmnError("DECLINED", "no money", {"reason": "limit"})
    report = REPORTING.failed(task_of(), _topic(), error)
    assert report.what == "bpmnError"
    assert _body(report) == {
        "workerId": "w",
        "errorCode": "DECLINED",
        "errorMessage": "no money",
        "variables": {"reason": {"type": "String", "value": "limit"}},
    }
    assert REPORTING.failed(task_of(), _topic(), BpmnError("X", variables={"a": object()})).what == "failure"


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    "error",
    [Speechless(), BpmnError(cast(Any, object())), BpmnError("X", "\ud800"), TaskFailure("x", details=cast(Any, 3))],
    ids=["no str", "no code", "a lone surrogate", "details that are no text"],
)
def test_what_cannot_be_reported_is_a_failure_too(error: Exception) -> None:
    report = REPORTING.failed(task_of(retries=2), _topic(), error)
    body = _body(report)
    assert (report.what, body["retries"]) == ("failure", 1)
    assert type(error).__name__ in body["errorMessage"] and type(error).__name__ in body["errorDetails"]
