"""Send tasks (BPMN 2.0.2 §10.3.3.1): carried out like service tasks."""

from penstock.bpmn.implementation import ImplementedTask


class SendTask(ImplementedTask):
    """External task, connector, expression or registered delegate."""

    name = "sendTask"


KIND = SendTask()
