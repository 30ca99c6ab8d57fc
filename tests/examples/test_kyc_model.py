"""The model of the customer due diligence, path by path, on an engine in memory whose clock the test moves."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.testing import ProcessInstance, VirtualEngine, assert_that

MODEL = Path(__file__).resolve().parents[2] / "examples" / "kyc" / "kyc.bpmn"
CHECKS = {"check-identity", "screen-pep", "screen-sanctions", "search-media"}


@pytest.fixture
def kyc(engine: VirtualEngine) -> ProcessInstance:
    """One customer, who has been asked for documents."""
    return asked(engine, country="PT")


def asked(engine: VirtualEngine, country: str) -> ProcessInstance:
    engine.deploy(MODEL)
    customer = {"name": "Ada Palm", "country": country}
    case = engine.start("kyc", {"customerId": "ada", "customer": customer}, business_key="ada")
    case.complete_external_task("request-documents")
    return case


def checked(kyc: ProcessInstance, **found: Any) -> ProcessInstance:
    """Documents come, every check is done, and the risk is scored. `found`: what the checks find, else nothing."""
    kyc.message("DocumentsReceived")
    kyc.complete_external_task("screen-sanctions", {"sanctionsHits": found.get("sanctionsHits", 0)})
    kyc.complete_external_task("check-identity", {"identityMatches": found.get("identityMatches", True)})
    kyc.complete_external_task("search-media", {"mediaHits": found.get("mediaHits", 0)})
    kyc.complete_external_task("screen-pep", {"politicallyExposed": found.get("politicallyExposed", False)})
    return kyc


def test_a_harmless_customer_is_accepted_without_a_person(kyc: ProcessInstance) -> None:
    assert_that(kyc).waits_only_at("AwaitDocuments")
    assert_that(checked(kyc)).has_variable("riskLevel", "low").waits_only_at("OpenAccount")
    kyc.complete_external_task("open-account")
    assert_that(kyc).is_completed().has_passed("CustomerAccepted").has_not_passed("Review")


def test_the_checks_run_at_the_same_time(kyc: ProcessInstance) -> None:
    kyc.message("DocumentsReceived")
    assert set(kyc.topics) == CHECKS


def test_documents_find_their_customer(engine: VirtualEngine, kyc: ProcessInstance) -> None:
    assert engine.message("DocumentsReceived", correlation={"customerId": "ada"}) == kyc


@pytest.mark.parametrize(
    ("found", "score", "level"),
    [
        ({"mediaHits": 1}, 10, "low"),
        ({"mediaHits": 2}, 20, "medium"),
        ({"politicallyExposed": True}, 30, "medium"),
        ({"politicallyExposed": True, "mediaHits": 9}, 60, "high"),
        ({"identityMatches": False}, 40, "medium"),
        ({"sanctionsHits": 1}, 100, "high"),
    ],
)
def test_the_risk_follows_from_the_checks(kyc: ProcessInstance, found: dict[str, Any], score: int, level: str) -> None:
    assert_that(checked(kyc, **found)).has_variable("riskScore", score).has_variable("riskLevel", level)
    assert len(kyc.variables["riskReasons"]) == len(found)


def test_the_country_counts(engine: VirtualEngine) -> None:
    assert_that(checked(asked(engine, country="IR"))).has_variable("riskScore", 20)


@pytest.mark.parametrize(
    ("decision", "next", "end"),
    [("accept", "OpenAccount", "CustomerAccepted"), ("refuse", "TellRefused", "CustomerRefused")],
)
def test_a_person_decides_on_a_risk(
    engine: VirtualEngine, kyc: ProcessInstance, decision: str, next: str, end: str
) -> None:
    assert_that(checked(kyc, politicallyExposed=True)).has_task("ReviewCase", candidate_group="compliance-analysts")
    assert kyc.task().due == engine.now + timedelta(days=3)
    kyc.complete_task("ReviewCase", {"decision": decision})
    kyc.complete_external_task(next)
    assert_that(kyc).is_completed().has_passed(end)


def test_an_overdue_review_goes_to_the_head_of_compliance_too(engine: VirtualEngine, kyc: ProcessInstance) -> None:
    checked(kyc, sanctionsHits=1)
    engine.advance(days=3, minutes=1)
    assert_that(kyc).waits_only_at("ReviewCase", "HeadReview")
    assert_that(kyc).has_task("HeadReview", candidate_group="head-of-compliance")
    kyc.complete_task("HeadReview", {"decision": "refuse"})
    assert_that(kyc).waits_only_at("TellRefused")
    assert "ReviewCase" in kyc.canceled


def test_the_analyst_may_still_be_first(engine: VirtualEngine, kyc: ProcessInstance) -> None:
    checked(kyc, sanctionsHits=1)
    engine.advance(days=3, minutes=1)
    kyc.complete_task("ReviewCase", {"decision": "accept"})
    assert_that(kyc).waits_only_at("OpenAccount")
    assert "HeadReview" in kyc.canceled


def test_missing_documents_are_called_in(engine: VirtualEngine, kyc: ProcessInstance) -> None:
    for _ in range(2):
        engine.advance(days=7, minutes=1)
        assert_that(kyc).waits_only_at("AwaitDocuments", "RemindCustomer")
        kyc.complete_external_task("remind-customer")
    engine.advance(days=6)
    assert_that(kyc).waits_only_at("AwaitDocuments")
    engine.advance(days=1)
    assert_that(kyc).waits_only_at("CallCustomer")
    assert "AwaitDocuments" in kyc.canceled


@pytest.fixture
def overdue(engine: VirtualEngine, kyc: ProcessInstance) -> ProcessInstance:
    """Two reminders, and nothing has come for three weeks."""
    engine.advance(days=22)
    kyc.complete_external_task("remind-customer")
    kyc.complete_external_task("remind-customer")
    return kyc


def test_who_does_not_answer_expires(overdue: ProcessInstance) -> None:
    overdue.complete_task("CallCustomer", {"extend": False})
    assert_that(overdue).is_completed().has_passed("ApplicationExpired")


def test_who_asks_for_time_gets_another_deadline(engine: VirtualEngine, overdue: ProcessInstance) -> None:
    overdue.complete_task("CallCustomer", {"extend": True})
    assert_that(overdue).waits_only_at("AwaitDocuments")
    engine.advance(days=20)
    assert_that(overdue).waits_at("AwaitDocuments")
    engine.advance(days=2)
    assert_that(overdue).waits_at("CallCustomer")


def test_an_unreadable_document_stops_the_checks_and_is_asked_for_again(kyc: ProcessInstance) -> None:
    kyc.message("DocumentsReceived")
    kyc.complete_external_task("screen-pep", {"politicallyExposed": False})
    kyc.throw_external_task_error("check-identity", "DOCUMENT_UNREADABLE", "the passport is blurred")
    assert {"ScreenSanctions", "SearchMedia"} <= set(kyc.canceled)
    assert kyc.topics == ("request-documents",)
    kyc.complete_external_task("request-documents")
    assert_that(checked(kyc)).waits_only_at("OpenAccount").has_variable("requests", 2)


def test_after_three_requests_nobody_is_asked_again(kyc: ProcessInstance) -> None:
    for asked_before in (1, 2, 3):
        assert_that(kyc).has_variable("requests", asked_before)
        kyc.message("DocumentsReceived")
        kyc.throw_external_task_error("check-identity", "DOCUMENT_UNREADABLE")
        if asked_before < 3:
            kyc.complete_external_task("request-documents")
    kyc.complete_external_task("tell-refused")
    assert_that(kyc).is_completed().has_passed("CustomerRefused")


def test_a_failing_register_is_an_incident_and_not_a_decision(kyc: ProcessInstance) -> None:
    kyc.message("DocumentsReceived")
    kyc.fail_external_task("screen-sanctions", "the register does not answer")
    assert_that(kyc).has_incident("ScreenSanctions", message="does not answer")
    assert set(kyc.topics) == CHECKS, "the others go on"


@pytest.mark.parametrize("place", ["AwaitDocuments", "Checks", "Review"])
def test_a_customer_may_withdraw_at_any_time(kyc: ProcessInstance, place: str) -> None:
    if place == "Checks":
        kyc.message("DocumentsReceived")
    if place == "Review":
        checked(kyc, sanctionsHits=1)
    kyc.message("ApplicationWithdrawn")
    assert place in kyc.canceled
    assert kyc.topics == ("erase-documents",)
    kyc.complete_external_task("erase-documents")
    assert_that(kyc).is_completed().has_passed("Withdrawn")
