"""A process engine inside a service: `Engine`. Handlers are those of `penstock.worker`."""

from penstock.embedded.engine import Engine
from penstock.embedded.records import (
    Deployment,
    HistoricActivityInstance,
    HistoricProcessInstance,
    Incident,
    Job,
    ProcessDefinition,
    ProcessInstance,
    Task,
    WaitingTask,
)

__all__ = [
    "Deployment",
    "Engine",
    "HistoricActivityInstance",
    "HistoricProcessInstance",
    "Incident",
    "Job",
    "ProcessDefinition",
    "ProcessInstance",
    "Task",
    "WaitingTask",
]
