"""Migrating what an instance waits for: timers, messages, signals, conditions, timeouts of tasks, continuations."""

from bpmn.scenario import model
from engine.migrating import CONDITION, MESSAGE, SIGNAL, TIMER, Migration, boundary, handler, linear, sub, task
from penstock.engine import events as ev

HOUR_MS = 3_600_000
LATER = TIMER.replace("PT1H", "PT3H")
OTHER = MESSAGE.replace("msg", "note")


def caught(id: str, how: str) -> str:
    return f'<intermediateCatchEvent id="{id}">{how}</intermediateCatchEvent>'


def subscription(m: Migration) -> str:
    (found,) = m.state.subscriptions
    return found


def due_ms(m: Migration) -> int:
    (job,) = m.state.jobs.values()
    assert job.due_ms is not None
    return job.due_ms - m.engine.clock.now_ms()


# ------------------------------------------------------------------------------------------ boundary events


def test_a_boundary_event_keeps_its_subscription() -> None:
    m = Migration(linear(task("a"), boundary("e", "a", MESSAGE)), linear(task("b"), boundary("f", "b", OTHER))).start()
    before = subscription(m)
    m.migrate("a b, e f")
    assert subscription(m) == before
    assert m.subscriptions() == [("message", "M", "f")]
    m.message("M")
    assert m.ended == "COMPLETED"
    assert m.path()[-1] == "f"


def test_a_boundary_event_gets_the_name_of_its_target() -> None:
    m = Migration(linear(task("a"), boundary("e", "a", MESSAGE)), linear(task("a"), boundary("e", "a", OTHER))).start()
    before = subscription(m)
    m.migrate("a, e!")
    assert subscription(m) == before
    assert m.subscriptions() == [("message", "N", "e")]
    m.message("N")
    assert m.ended == "COMPLETED"


def test_an_event_without_instruction_is_made_anew() -> None:
    m = Migration(linear(task("a"), boundary("e", "a", MESSAGE)), linear(task("a"), boundary("e", "a", OTHER))).start()
    before = subscription(m)
    m.migrate("a")
    assert subscription(m) != before
    assert m.subscriptions() == [("message", "N", "e")]


def test_a_task_becomes_a_scope_with_its_first_boundary_event() -> None:
    m = Migration(linear(task("a")), linear(task("a"), boundary("e", "a", SIGNAL), boundary("t", "a", TIMER))).start()
    before, task_id = m.ids()["a"], next(iter(m.state.tasks))
    m.migrate("a")
    assert m.ids()["a"] == before
    assert list(m.state.tasks) == [task_id]
    assert m.subscriptions() == [("signal", "S", "e")]
    assert m.jobs() == [("t", "timer-transition")]
    m.complete("a")
    assert m.ended == "COMPLETED"
    m = Migration(linear(task("a")), linear(task("a"), boundary("e", "a", SIGNAL))).start()
    m.migrate("a").signal("S")
    assert m.states("a") == ["canceled"]
    assert m.ended == "COMPLETED"


def test_a_task_is_no_scope_without_its_last_boundary_event() -> None:
    m = Migration(linear(task("a"), boundary("e", "a", SIGNAL), boundary("t", "a", TIMER)), linear(task("a"))).start()
    before = m.ids()["a"]
    m.migrate("a")
    assert m.ids()["a"] == before
    assert m.subscriptions() == []
    assert m.jobs() == []
    assert len(m.state.executions) == 1
    m.complete("a")
    assert m.ended == "COMPLETED"


def test_parallel_tasks_become_scopes_and_leaves() -> None:
    def fork(*beside: str) -> str:
        nodes = f'<startEvent id="start"/><parallelGateway id="fork"/>{task("a")}{task("b")}<endEvent id="end"/>'
        return model(
            nodes + "".join(beside),
            flows="start fork, fork a, fork b, a end, b end",
            roots='<message id="msg" name="M"/><message id="note" name="N"/>',
        )

    m = Migration(fork(boundary("e", "a", MESSAGE)), fork(boundary("f", "b", OTHER))).start()
    m.migrate()
    assert m.tree() == "p(a b)"
    assert m.subscriptions() == [("message", "N", "f")]
    m.complete("a").message("N")
    assert m.states("b") == ["canceled"]
    assert m.ended == "COMPLETED"


# ------------------------------------------------------------------------------------------ timers


def test_a_timer_keeps_its_due_date() -> None:
    m = Migration(linear(task("a"), boundary("t", "a", TIMER)), linear(task("a"), boundary("t", "a", LATER))).start()
    m.engine.clock.advance_ms(HOUR_MS // 2)
    m.migrate()
    assert due_ms(m) == HOUR_MS // 2
    m.timer("t")
    assert m.ended == "COMPLETED"


def test_a_timer_gets_the_due_date_of_its_target() -> None:
    m = Migration(linear(task("a"), boundary("t", "a", TIMER)), linear(task("a"), boundary("t", "a", LATER))).start()
    (before,) = m.state.jobs
    m.engine.clock.advance_ms(HOUR_MS // 2)
    m.migrate("a, t!")
    assert list(m.state.jobs) == [before]
    assert due_ms(m) == 3 * HOUR_MS


def test_a_timer_that_has_fired_does_not_begin_again() -> None:
    nodes = (task("a"), boundary("t", "a", TIMER, interrupts=False))
    m = Migration(linear(*nodes), linear(*nodes)).start()
    m.timer("t")
    m.migrate("a, t")
    assert m.jobs() == []
    m = Migration(linear(*nodes), linear(*nodes)).start()
    m.timer("t")
    m.migrate("a")
    assert m.jobs() == [("t", "timer-transition")]


def test_an_intermediate_timer() -> None:
    m = Migration(linear(caught("c", TIMER)), linear(caught("d", LATER))).start()
    m.migrate("c! d")
    assert m.jobs() == [("d", "timer-intermediate-transition")]
    assert due_ms(m) == 3 * HOUR_MS
    m.timer("d")
    assert m.ended == "COMPLETED"


def test_a_catch_event_without_its_instruction_is_refused() -> None:
    m = Migration(linear(caught("c", TIMER)), linear(caught("c", TIMER))).start()
    refused = m.refused("")
    assert "There is no migration instruction for this instance's activity" in refused.message


# ------------------------------------------------------------------------------------------ messages, conditions


def test_an_intermediate_message() -> None:
    m = Migration(linear(caught("c", MESSAGE)), linear(caught("c", OTHER))).start()
    m.migrate("c")
    assert m.subscriptions() == [("message", "M", "c")]
    m = Migration(linear(caught("c", MESSAGE)), linear(caught("c", OTHER))).start()
    m.migrate("c!").message("N")
    assert m.ended == "COMPLETED"


def test_a_receive_task() -> None:
    one, two = (f'<receiveTask id="r" messageRef="{name}"/>' for name in ("msg", "note"))
    m = Migration(linear(one), linear(two)).start()
    m.migrate("r!").message("N")
    assert m.ended == "COMPLETED"


def test_a_condition_is_that_of_the_target() -> None:
    other = CONDITION.replace("go", "run")
    m = Migration(linear(caught("c", CONDITION)), linear(caught("c", other))).start(go=False, run=False)
    m.migrate()
    m.set(go=True)
    assert m.waits() == ["c"]
    m.set(run=True)
    assert m.ended == "COMPLETED"


def test_an_event_based_gateway() -> None:
    def gateway(timer: str, *more: str) -> str:
        nodes = f'<startEvent id="start"/><eventBasedGateway id="g"/>{caught("m", MESSAGE)}{caught("t", timer)}'
        return model(
            nodes + "".join(more) + '<endEvent id="end"/>',
            flows="start g, g m, g t, m end, t end" + (", g n, n end" if more else ""),
            roots='<message id="msg" name="M"/><message id="note" name="N"/>',
        )

    m = Migration(gateway(TIMER), gateway(LATER, caught("n", OTHER))).start()
    m.migrate("g, t!")
    assert m.subscriptions() == [("message", "M", "m"), ("message", "N", "n")]
    assert due_ms(m) == 3 * HOUR_MS
    m.message("N")
    assert m.ended == "COMPLETED"


# ------------------------------------------------------------------------------------------ event sub-processes


def test_an_event_subprocess_that_listens() -> None:
    m = Migration(
        linear(task("a"), handler("h", MESSAGE, task("x"))), linear(task("a"), handler("h", OTHER, task("x")))
    ).start()
    before = subscription(m)
    m.migrate("a, h_on!")
    assert subscription(m) == before
    m.message("N")
    assert m.tree() == "p(h(x))"
    m.complete("x")
    assert m.ended == "COMPLETED"


def test_an_event_subprocess_that_is_running() -> None:
    nodes = (task("a"), handler("h", MESSAGE, task("x"), interrupts=False))
    m = Migration(linear(*nodes), linear(*nodes)).start()
    m.message("M")
    before = m.ids()
    m.migrate()
    assert m.tree() == "p(a h(x))"
    assert m.ids() == before
    assert m.subscriptions() == [("message", "M", "h_on")]
    m.complete("x").complete("a")
    assert m.ended == "COMPLETED"


def test_an_event_subprocess_is_added() -> None:
    m = Migration(linear(task("a")), linear(task("a"), handler("h", TIMER, task("x")))).start()
    m.migrate()
    assert m.jobs() == [("h_on", "timer-start-event-subprocess")]
    m.timer("h_on")
    assert m.states("a") == ["canceled"]
    assert m.tree() == "p(h(x))"


def test_a_running_event_subprocess_becomes_an_embedded_one() -> None:
    before = linear(task("a"), handler("h", MESSAGE, task("x")))
    m = Migration(before, linear(sub("s", task("x")), task("a"))).start()
    m.message("M")
    m.migrate("h s, x")
    assert m.tree() == "p(s(x))"
    m.complete("x")
    assert m.waits() == ["a"]


# ------------------------------------------------------------------------------------------ continuations


def later(id: str, *, before: bool = True, after: bool = False) -> str:
    return (
        f'<userTask id="{id}" camunda:asyncBefore="{str(before).lower()}" camunda:asyncAfter="{str(after).lower()}"/>'
    )


def test_a_continuation_waits_before_its_target() -> None:
    m = Migration(linear(later("a")), linear(sub("s", later("b")))).start()
    (job,) = m.state.jobs
    m.migrate("a b")
    assert list(m.state.jobs) == [job]
    assert m.jobs() == [("b", "async-continuation")]
    m.job("b")
    assert m.tree() == "p(s(b))"
    m.complete("b")
    assert m.ended == "COMPLETED"


def test_a_continuation_waits_after_its_target() -> None:
    m = Migration(linear(later("a", before=False, after=True)), linear(later("b", before=False, after=True), task("z")))
    m.start().complete("a")
    m.migrate("a b")
    assert m.jobs() == [("b", "async-continuation")]
    m.job("b")
    assert m.waits() == ["z"]


def test_a_continuation_needs_one_in_the_target() -> None:
    m = Migration(linear(later("a", after=True)), linear(task("a"))).start()
    assert "Target activity is not asyncBefore" in m.refused("a").message
    m.job("a").complete("a")
    refused = m.refused("a")
    assert "Target activity is not asyncAfter" in refused.message
    assert [report.failures for report in refused.transitions] == [["Target activity is not asyncAfter"]]


def test_the_incident_of_a_failed_continuation_goes_with_it() -> None:
    broken = '<serviceTask id="{}" camunda:asyncBefore="true" camunda:expression="${{missing}}"/>'
    m = Migration(linear(broken.format("a")), linear(broken.format("b"))).start()
    for _ in range(3):
        m.job_fails("a")
    assert m.incidents() == [("failedJob", "a")]
    m.migrate("a b")
    assert m.incidents() == [("failedJob", "b")]
    assert [e.activity for e in m.events(ev.IncidentMigrated)] == ["b"]
    m.job_fails("b")


# ------------------------------------------------------------------------------------------ timeouts of user tasks


def timed(id: str, listener: str, hours: int) -> str:
    return (
        f'<userTask id="{id}"><extensionElements><camunda:taskListener id="{listener}" event="timeout" '
        f'expression="${{true}}"><timerEventDefinition><timeDuration>PT{hours}H</timeDuration></timerEventDefinition>'
        "</camunda:taskListener></extensionElements></userTask>"
    )


def test_the_timeout_of_a_task() -> None:
    m = Migration(linear(timed("a", "l", 1)), linear(timed("a", "l", 2))).start()
    (job,) = m.state.jobs
    m.migrate("a")
    assert list(m.state.jobs) == [job]
    assert due_ms(m) == HOUR_MS
    m = Migration(linear(timed("a", "l", 1)), linear(timed("a", "l", 2))).start()
    m.migrate("a!")
    assert due_ms(m) == 2 * HOUR_MS
    m.timer("a")
    assert m.waits() == ["a"]


def test_timeouts_come_and_go() -> None:
    m = Migration(linear(timed("a", "l", 1)), linear(timed("a", "k", 2))).start()
    m.migrate("a")
    assert due_ms(m) == 2 * HOUR_MS
    m = Migration(linear(task("a")), linear(timed("a", "k", 2))).start()
    m.migrate("a")
    assert due_ms(m) == 2 * HOUR_MS
    m = Migration(linear(timed("a", "k", 2)), linear(task("a"))).start()
    m.migrate("a")
    assert m.jobs() == []
    m.complete("a")
    assert m.ended == "COMPLETED"
