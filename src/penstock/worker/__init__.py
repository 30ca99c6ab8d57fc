"""Workers: do the external tasks of a Penstock or Camunda 7 server. Needs nothing of the engine."""

from penstock.worker.backoff import Backoff, Retries
from penstock.worker.breaker import Breaker, BreakerPolicy
from penstock.worker.client import AsyncClient, Client
from penstock.worker.errors import (
    BpmnError,
    ConnectionLost,
    InvalidVariable,
    Parked,
    RestError,
    TaskFailure,
    WorkerError,
)
from penstock.worker.handlers import Completed
from penstock.worker.handling import handles
from penstock.worker.http.auth import Basic, Bearer, Headers
from penstock.worker.observing import Finished, Outcome
from penstock.worker.once import once
from penstock.worker.reprocessing import FailedWork, Reprocessing
from penstock.worker.results import ProcessTaskResults, TaskResult
from penstock.worker.task import ExternalTask
from penstock.worker.values import File, FileRef, Typed
from penstock.worker.worker import Worker

__all__ = [
    "AsyncClient",
    "Backoff",
    "Basic",
    "Bearer",
    "BpmnError",
    "Breaker",
    "BreakerPolicy",
    "Client",
    "Completed",
    "ConnectionLost",
    "ExternalTask",
    "FailedWork",
    "File",
    "FileRef",
    "Finished",
    "Headers",
    "InvalidVariable",
    "Outcome",
    "Parked",
    "ProcessTaskResults",
    "Reprocessing",
    "RestError",
    "Retries",
    "TaskFailure",
    "TaskResult",
    "Typed",
    "Worker",
    "WorkerError",
    "handles",
    "once",
]
