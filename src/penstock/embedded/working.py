"""The worker of an engine: `penstock.worker`, whatever the engine is reached by."""

import logging
from collections.abc import Callable

import msgspec

from penstock.worker import worker_calls
from penstock.worker.calls import segment
from penstock.worker.errors import WorkerError
from penstock.worker.http.wire import Ask
from penstock.worker.logic import Logic, Patience, drive_async, succeeded
from penstock.worker.network import Network
from penstock.worker.records import LockedTask
from penstock.worker.worker import Worker

WORKER_ID = "penstock-embedded"
"""Who locks where no other process can: what is locked by it at the start is a dead process's."""

LEFT_MAX = 10_000

_log = logging.getLogger("penstock.embedded")


class OwnWorker(Worker):
    """A worker whose server is wherever its engine is."""

    reach: Callable[[], Network]

    def network(self) -> Network:
        """See `Worker.network`."""
        return self.reach()

    async def take_over(self) -> None:
        """Gives back what a process that was killed had in hand, so that it need not wait for the end of its locks.

        A task that has failed before keeps its lock: it may be resting until its next try, and nobody can tell."""
        pool = self.network().pool(1)
        try:
            left = await drive_async(_left(self.worker_id), pool)
            for id in left:
                await drive_async(worker_calls.unlock(id), pool)
        except WorkerError as error:
            _log.warning("tasks of a process that was killed wait for the end of their locks: %s", error.message)
            return
        finally:
            await pool.close()
        if left:
            _log.info("%d tasks were in hand when the process ended, and are done again", len(left))


def _left(worker: str) -> Logic[list[str]]:
    path = f"/external-task?workerId={segment(worker)}&locked=true&maxResults={LEFT_MAX}"
    answer = yield from succeeded(Ask("GET", path, repeatable=True), Patience())
    found = msgspec.json.decode(answer.body, type=list[LockedTask])
    return [task.id for task in found if task.error_message is None]
