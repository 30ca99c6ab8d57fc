"""Business rule tasks (BPMN 2.0.2 §10.3.3.1): a decision, or carried out like a service task."""

from penstock.bpmn.implementation import ImplementedTask


class BusinessRuleTask(ImplementedTask):
    """Decision, external task, connector, expression or registered delegate."""

    name = "businessRuleTask"


KIND = BusinessRuleTask()
