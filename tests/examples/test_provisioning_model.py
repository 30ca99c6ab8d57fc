"""The models of the telecom example, path by path, on an engine in memory whose clock the test moves."""

from pathlib import Path

import pytest

from penstock.testing import ProcessInstance, VirtualEngine, assert_that
from penstock.worker import ExternalTask

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "telecom"
SERVICES = [{"name": "internet", "mbits": 500}, {"name": "voice"}, {"name": "tv"}]
ADDRESS = {"city": "Lisbon", "line_m": 5_000}
GOOD_DB, WEAK_DB = 20, 4
UNDOING = {"recall-router", "release-number", "release-port"}


@pytest.fixture
def order(engine: VirtualEngine) -> ProcessInstance:
    """An order of three services."""
    engine.deploy(EXAMPLE / "provisioning.bpmn", EXAMPLE / "line-test.bpmn")
    variables = {"orderId": "line-1", "address": ADDRESS, "services": SERVICES}
    return engine.start("provisioning", variables, business_key="line-1")


def assigned(order: ProcessInstance) -> ProcessInstance:
    """A port is free and configured, the number is assigned."""
    order.complete_external_task("check-availability", {"access": "free"})
    for topic in ("reserve-number", "register-number", "configure-port"):
        order.complete_external_task(topic)
    return order


def sent(order: ProcessInstance) -> ProcessInstance:
    """Every service is active, and the router is on its way."""
    assigned(order)
    for _ in SERVICES:
        order.complete_external_task("activate-service")
    order.complete_external_task("ship-router")
    return order


def delivered(order: ProcessInstance) -> ProcessInstance:
    """The router has arrived."""
    sent(order).message("RouterDelivered")
    return order


def installed(order: ProcessInstance) -> ProcessInstance:
    """The technician has been there; the line is measured next."""
    delivered(order).message("InstallationReported", {"technician": "Kim"})
    return order


def measured(order: ProcessInstance, signal_db: int) -> None:
    """The line test that runs gets a measurement."""
    order.called("line_test")[-1].complete_external_task("measure-line", {"signalDb": signal_db})


def faulty(engine: VirtualEngine, order: ProcessInstance) -> ProcessInstance:
    """Measures a weak signal until the test gives up."""
    installed(order)
    for _ in range(2):
        measured(order, WEAK_DB)
        engine.advance(minutes=10, seconds=1)
    measured(order, WEAK_DB)
    return order


def undone(order: ProcessInstance) -> None:
    """Everything that was done is undone, and the customer is told."""
    assert set(order.topics) == UNDOING
    for topic in UNDOING:
        order.complete_external_task(topic)
    assert_that(order).waits_only_at("TellAborted")
    order.complete_external_task("tell-customer")
    assert_that(order).is_completed().has_passed("OrderAborted")


def test_a_line_goes_into_service(order: ProcessInstance) -> None:
    measured(installed(order), GOOD_DB)
    assert_that(order).has_variable("signalDb", GOOD_DB)  # the line test hands it over
    order.complete_external_task("start-billing")
    steps = ("Feasibility", "NumberAssignment", "Activation", "Shipment", "AwaitInstallation", "TestLine")
    assert_that(order).is_completed().has_passed_in_order(*steps, "StartBilling", "LineInService")
    assert_that(order.called("line_test")[0]).is_completed().has_passed("LineGood")


def test_each_service_is_activated_by_itself(engine: VirtualEngine, order: ProcessInstance) -> None:
    assigned(order)
    assert order.topics == ("activate-service",) * 3, "at the same time"
    seen: list[str] = []

    def activate(task: ExternalTask) -> None:
        seen.append(task.variables["service"]["name"])

    engine.worker("activate-service", activate)
    assert sorted(seen) == ["internet", "tv", "voice"]
    assert_that(order).waits_only_at("ShipRouter")


def test_the_line_test_knows_the_order_and_the_address(order: ProcessInstance) -> None:
    (test,) = installed(order).called()
    assert test.business_key == "line-1"
    assert test.variables == {"address": ADDRESS, "repaired": None}


def test_no_line_where_there_is_no_network(order: ProcessInstance) -> None:
    order.throw_external_task_error("check-availability", "NOT_FEASIBLE")
    assert_that(order).waits_only_at("TellInfeasible")
    order.complete_external_task("tell-customer")
    assert_that(order).is_completed().has_passed("Infeasible").has_not_passed("NumberAssignment")


@pytest.mark.parametrize(("feasible", "next"), [(True, "ReserveNumber"), (False, "TellInfeasible")])
def test_a_technician_decides_what_the_register_does_not_know(
    order: ProcessInstance, feasible: bool, next: str
) -> None:
    order.complete_external_task("check-availability", {"access": "unclear"})
    assert_that(order).waits_only_at("Survey")
    order.message("SurveyReported", {"feasible": feasible})
    assert_that(order).waits_only_at(next)


def test_a_late_router_is_escalated_and_nothing_is_stopped(engine: VirtualEngine, order: ProcessInstance) -> None:
    sent(order)
    engine.advance(days=5, minutes=1)
    assert_that(order).waits_only_at("EscalateDelay", "RouterDelivered")
    order.complete_external_task("escalate-delay")
    order.message("RouterDelivered")
    assert_that(order).waits_only_at("AwaitInstallation")


def test_a_late_technician_is_escalated_before_the_order_is_aborted(
    engine: VirtualEngine, order: ProcessInstance
) -> None:
    delivered(order)
    engine.advance(days=5, minutes=1)
    assert_that(order).waits_only_at("AwaitInstallation", "EscalateDelay")
    order.complete_external_task("escalate-delay")
    engine.advance(days=9)
    assert "AwaitInstallation" in order.canceled
    undone(order)


def test_the_technician_comes_after_the_escalation(engine: VirtualEngine, order: ProcessInstance) -> None:
    delivered(order)
    engine.advance(days=6)
    order.message("InstallationReported")
    engine.advance(days=30)
    assert_that(order).has_not_passed("SlaMissed").waits_at("EscalateDelay", "TestLine")


def test_a_weak_signal_is_measured_again_after_ten_minutes(engine: VirtualEngine, order: ProcessInstance) -> None:
    measured(installed(order), WEAK_DB)
    assert_that(order.called()[0]).waits_only_at("Settle")
    engine.advance(minutes=10, seconds=1)
    measured(order, GOOD_DB)
    assert_that(order).waits_only_at("StartBilling")


def test_a_repaired_line_is_tested_again(engine: VirtualEngine, order: ProcessInstance) -> None:
    assert_that(faulty(engine, order)).has_task("RepairLine", candidate_group="field-technicians")
    order.complete_task("RepairLine", {"repaired": True})
    assert_that(order.called()[-1]).has_variable("repaired", True)
    measured(order, GOOD_DB)
    assert_that(order).waits_only_at("StartBilling")


def test_a_line_beyond_repair_is_undone(engine: VirtualEngine, order: ProcessInstance) -> None:
    faulty(engine, order).complete_task("RepairLine", {"repaired": False})
    undone(order)
