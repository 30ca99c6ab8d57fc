"""Works the topics of the provisioning of a line and of the line test.

PENSTOCK_URL    where the server is (http://127.0.0.1:8080)
"""

import os

import msgspec
import network

from penstock.worker import BpmnError, Worker

worker = Worker(os.environ.get("PENSTOCK_URL", "http://127.0.0.1:8080") + "/engine-rest")


class Order(msgspec.Struct, rename="camel"):
    """The variables that most steps need."""

    order_id: str
    phone_number: str = ""


class Site(msgspec.Struct):
    """The variables of steps that ask about the line. `repaired`: what the technician has said, if there was one."""

    address: network.Address
    repaired: bool | None = None


class Service(msgspec.Struct):
    """One of the ordered services."""

    name: str
    mbits: int | None = None


class Activation(msgspec.Struct, rename="camel"):
    """The variables of one instance of the multi-instance step: `service` is its own."""

    order_id: str
    service: Service


class News(msgspec.Struct, rename="camel"):
    """What a customer is told; `news` comes from the model."""

    order_id: str
    news: str


@worker.task("check-availability")
def check_availability(site: Site) -> dict[str, str]:
    try:
        return {"access": network.access_at(site.address)}
    except network.NoNetwork as problem:
        raise BpmnError("NOT_FEASIBLE", str(problem)) from problem


@worker.task("reserve-number")
def reserve_number(order: Order) -> dict[str, str]:
    return {"phoneNumber": network.number_for(order.order_id)}


@worker.task("register-number")
def register_number(order: Order) -> None:
    say(order, f"{order.phone_number} is known to the emergency services")


@worker.task("release-number")
def release_number(order: Order) -> dict[str, None]:
    say(order, f"{order.phone_number} is released")
    return {"phoneNumber": None}


@worker.task("configure-port")
def configure_port(order: Order) -> dict[str, str]:
    return {"port": f"port-{order.order_id}"}


@worker.task("release-port")
def release_port(order: Order) -> dict[str, None]:
    say(order, "port released")
    return {"port": None}


@worker.task("activate-service")
def activate_service(activation: Activation) -> None:
    say(activation, f"{activation.service.name} is active")


@worker.task("ship-router")
def ship_router(order: Order) -> dict[str, str]:
    return {"parcel": f"parcel-{order.order_id}"}


@worker.task("recall-router")
def recall_router(order: Order) -> None:
    say(order, "the router comes back")


@worker.task("escalate-delay")
def escalate_delay(order: Order) -> None:
    say(order, "LATE: somebody should look after this order")


@worker.task("measure-line")
def measure_line(site: Site) -> dict[str, int]:
    return {"signalDb": network.signal_db(site.address, bool(site.repaired))}


@worker.task("start-billing")
def start_billing(order: Order) -> None:
    say(order, "in service, billing starts")


@worker.task("tell-customer")
def tell_customer(news: News) -> None:
    say(news, f"to the customer: {news.news}")


def say(about: Order | Activation | News, text: str) -> None:
    """Would be a call of another system."""
    print(f"{about.order_id}: {text}", flush=True)


if __name__ == "__main__":
    worker.run()
