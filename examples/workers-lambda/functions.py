"""The steps of a refund as functions of AWS Lambda. The same file is deployed there and runs here."""

from typing import Any

ACCOUNTS = {"ada": "Ada Palm", "eve": "Eve Away"}


class Refused(Exception):
    """An outcome that the model handles: workers.toml maps it to a BPMN error by its name."""


def check_account(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`event`: the task's variables."""
    if event["account"] not in ACCOUNTS:
        raise Refused(f"there is no account {event['account']}")
    return {"owner": ACCOUNTS[event["account"]]}


def pay_refund(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A table with the key as its primary key would keep it from paying twice."""
    key = context.client_context.custom["Idempotency-Key"]
    return {"id": f"credit-{key}", "amount": event["amount"]}
