"""The work of the order process: one worker, whichever way its tasks come to it."""

import os

import msgspec

from penstock.worker import Backoff, BpmnError, Retries, Worker

SOLD_OUT = {"unicorn"}


class Order(msgspec.Struct, rename="camel"):
    order_id: str
    item: str


class Payment(msgspec.Struct, rename="camel"):
    order_id: str
    card: str


worker = Worker(
    os.environ.get("PENSTOCK_URL", "http://127.0.0.1:8080") + "/engine-rest",
    retries=Retries(count=3, backoff=Backoff(first_ms=300, most_ms=300)),
)


@worker.task("reserve-stock")
def reserve_stock(order: Order) -> dict[str, str]:
    """Somebody may order what is not there: the model says what happens then."""
    if order.item in SOLD_OUT:
        raise BpmnError("OUT_OF_STOCK", f"there is no {order.item} left")
    return {"shelf": f"shelf of {order.item}s"}


_asked: set[str] = set()


@worker.task("charge-card")
async def charge_card(payment: Payment) -> dict[str, str]:
    """The bank does not answer the first time: whoever hands out the task tries again."""
    if payment.order_id not in _asked:
        _asked.add(payment.order_id)
        raise ConnectionError("the bank does not answer")
    return {"paymentId": f"payment-{payment.order_id}"}


@worker.task("tell-customer")
def tell_customer(order: Order) -> None:
    print(f"Dear customer, your {order.item} is on its way ({order.order_id}).", flush=True)
