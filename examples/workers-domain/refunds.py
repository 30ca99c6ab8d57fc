"""The steps of a refund inside the service that owns the accounts: typed topics, its own database, local transactions.

PENSTOCK_URL   where the server is (http://127.0.0.1:8080)
REFUNDS_DB     the service's database (refunds.db)
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from penstock.worker import BpmnError, ExternalTask, Worker, handles, once
from penstock.worker.once import DDL

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS account (id TEXT PRIMARY KEY, owner TEXT, cents INTEGER);
INSERT OR IGNORE INTO account VALUES ('ada', 'Ada Palm', 0), ('eve', 'Eve Away', 0);
{DDL};
"""


class Account(msgspec.Struct):
    """The variable that names an account."""

    account: str


class Refund(Account):
    amount: float


class Paid(msgspec.Struct, rename="camel"):
    credit_id: str
    balance_cents: int


class Refunds:
    """The domain. `path`: of its database, the one thing it depends on; a test gives it another."""

    def __init__(self, path: str) -> None:
        self._path = path
        with self._transaction() as connection:
            connection.executescript(SCHEMA)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=30)
        try:
            with connection:  # commits, or rolls back
                yield connection
        finally:
            connection.close()

    @handles("check-account")
    def check_account(self, asked: Account) -> dict[str, Any]:
        with self._transaction() as connection:
            row = connection.execute("SELECT owner FROM account WHERE id = ?", (asked.account,)).fetchone()
        if row is None:
            raise BpmnError("REFUND_REFUSED", f"there is no account {asked.account}")
        return {"owner": row[0]}

    @handles("pay-refund", lock_duration_ms=60_000)
    def pay_refund(self, refund: Refund, task: ExternalTask) -> Any:
        """Whatever happens between the commit here and the engine's: the money is paid once."""
        with self._transaction() as connection:
            connection.execute("BEGIN IMMEDIATE")
            return once(connection, task, lambda: self._pay(connection, refund, task.id))

    def _pay(self, connection: sqlite3.Connection, refund: Refund, id: str) -> Paid:
        cents = round(refund.amount * 100)
        connection.execute("UPDATE account SET cents = cents + ? WHERE id = ?", (cents, refund.account))
        (balance,) = connection.execute("SELECT cents FROM account WHERE id = ?", (refund.account,)).fetchone()
        return Paid(credit_id=f"credit-{id}", balance_cents=balance)


worker = Worker(os.environ.get("PENSTOCK_URL", "http://127.0.0.1:8080") + "/engine-rest")
worker.include(Refunds(os.environ.get("REFUNDS_DB", "refunds.db")))

if __name__ == "__main__":
    worker.run()
