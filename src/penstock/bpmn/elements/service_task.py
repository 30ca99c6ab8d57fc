"""Service tasks (BPMN 2.0.2 §10.3.3.1)."""

from penstock.bpmn.implementation import ImplementedTask


class ServiceTask(ImplementedTask):
    """External task, connector, expression or registered delegate."""

    name = "serviceTask"


KIND = ServiceTask()
