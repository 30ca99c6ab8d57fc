"""Manual tasks (BPMN 2.0.2 §10.3.3.1): nothing for the engine to do."""

from penstock.engine.behavior import ElementKind


class ManualTask(ElementKind):
    """Goes on at once."""

    name = "manualTask"


KIND = ManualTask()
