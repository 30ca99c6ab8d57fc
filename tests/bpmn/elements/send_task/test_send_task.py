"""Send tasks are carried out like service tasks."""

from bpmn.scenario import scenario


def test_as_an_external_task() -> None:
    s = scenario(__file__, "sending").start()
    assert s.type("send") == "sendTask"
    (task,) = s.state.external_tasks.values()
    assert task.topic == "mail"
    s.work("send")
    assert s.waits() == ["after"]
    assert s.states("send") == ["completed"]


def test_a_failure_is_an_incident() -> None:
    s = scenario(__file__, "sending").start()
    s.fail_work("send", 0)
    assert s.incidents() == [("failedExternalTask", "send")]
