"""Tasks without a type (BPMN 2.0.2 §10.3.3): nothing to do."""

from penstock.engine.behavior import ElementKind


class Task(ElementKind):
    """Goes on at once."""

    name = "task"


KIND = Task()
