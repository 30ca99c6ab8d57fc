"""Works the topics of the order process.

PENSTOCK_URL      where the server is (http://127.0.0.1:8080)
CARRIER_DOWN      carriers that do not answer, separated by commas (none)
RETRY_TIMEOUT_MS  pause before a failed task is offered again (5000)
"""

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import steps

from penstock.worker import Backoff, BpmnError, Completed, ExternalTask, File, Finished, Retries, TaskResult, Worker

CARRIERS_DOWN = {name.strip() for name in os.environ.get("CARRIER_DOWN", "").split(",") if name.strip()}
RETRY_TIMEOUT_MS = int(os.environ.get("RETRY_TIMEOUT_MS", "5000"))


class Order(msgspec.Struct, rename="camel"):
    """The variable that every step needs. A worker asks for the variables of its model and for no others."""

    order_id: str


class Basket(Order):
    items: list[Any] | None = None


class Payment(Order):
    amount: float
    card: str


class Parcel(Order):
    carrier: str


class Reserved(msgspec.Struct, rename="camel"):
    reserve_result: TaskResult


def tell(finished: Finished) -> None:
    """What became of a task."""
    print(f"{finished.topic}: {finished.outcome}", flush=True)


worker = Worker(
    os.environ.get("PENSTOCK_URL", "http://127.0.0.1:8080") + "/engine-rest",
    retries=Retries(count=3, backoff=Backoff(first_ms=RETRY_TIMEOUT_MS, most_ms=RETRY_TIMEOUT_MS)),
    observer=tell,
)


# In parallel branches each step writes a variable of its own, which the model's script joins: so this model works with
# every client. (Left to the SDK, branches may append to the results at the same time: see examples/kyc.)


@worker.task("reserve-stock")
def reserve_stock(basket: Basket) -> dict[str, TaskResult]:
    return {"reserveResult": entry("ReserveStock", lambda: steps.reserve(basket.order_id, basket.items or []))}


@worker.task("charge-card")
def charge_card(payment: Payment) -> dict[str, TaskResult]:
    try:
        return {
            "chargeResult": entry("ChargeCard", lambda: steps.charge(payment.order_id, payment.amount, payment.card))
        }
    except steps.Declined as declined:
        refused = {"paid": False, "reason": str(declined)}
        result = entry("ChargeCard", lambda: refused)
        raise BpmnError("PAYMENT_DECLINED", str(declined), {"chargeResult": result}) from declined


# After the join a step says what it has found, and the worker appends it to `ProcessTaskResults`.


# A handler that takes the task itself would get all variables: here it says which it needs. The content of a file comes when
# it is asked for.


@worker.task("ship-order", variables=["orderId", "carrier", "instructions"])
def ship_order(parcel: Parcel, task: ExternalTask) -> Completed:
    instructions = task.read_file("instructions").text if task.variables.get("instructions") else ""
    shipped = steps.ship(parcel.order_id, parcel.carrier, instructions, CARRIERS_DOWN)
    label = File("label.txt", steps.label(shipped).encode(), "text/plain", "UTF-8")
    return Completed(variables={"shippingLabel": label}, result=TaskResult(data=shipped))


@worker.task("notify-customer")
def notify_customer(order: Order) -> TaskResult:
    return TaskResult(data=steps.notify(order.order_id))


@worker.task("release-stock")
def release_stock(reserved: Reserved) -> TaskResult:
    return TaskResult(data=steps.release(reserved.reserve_result.data["reservationId"]))


def entry(task_id: str, step: Callable[[], dict[str, Any]]) -> TaskResult:
    """An entry with the moments around the step."""
    start = datetime.now(UTC)
    data = step()
    return TaskResult(task_id=task_id, start_time=start, end_time=datetime.now(UTC), data=data)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    worker.run()
