"""Works the topics of the customer due diligence.

PENSTOCK_URL    where the server is (http://127.0.0.1:8080)
"""

import os

import msgspec
import registers

from penstock.worker import BpmnError, Completed, ExternalTask, TaskResult, Worker

worker = Worker(os.environ.get("PENSTOCK_URL", "http://127.0.0.1:8080") + "/engine-rest")


class Customer(msgspec.Struct):
    """The variable `customer`."""

    name: str
    country: str


class Case(msgspec.Struct, rename="camel"):
    """The variables that a step needs: a worker asks for these and no others."""

    customer: Customer
    documents: list[registers.Document] = []


class Person(msgspec.Struct, rename="camel"):
    """Whom a letter goes to."""

    customer_id: str
    requests: int = 0


@worker.task("request-documents")
def request_documents(person: Person) -> None:
    say(person, "please send us your passport" if not person.requests else "please send us a better copy")


@worker.task("remind-customer")
def remind_customer(person: Person) -> None:
    say(person, "we are still waiting for your documents")


@worker.task("check-identity")
def check_identity(case: Case) -> Completed:
    try:
        return found(identityMatches=registers.identity_matches(case.customer.name, case.documents))
    except registers.Unreadable as problem:
        raise BpmnError("DOCUMENT_UNREADABLE", str(problem)) from problem


@worker.task("screen-sanctions")
def screen_sanctions(case: Case) -> Completed:
    return found(sanctionsHits=registers.sanctions_hits(case.customer.name))


@worker.task("screen-pep")
def screen_pep(case: Case) -> Completed:
    return found(politicallyExposed=registers.is_politically_exposed(case.customer.name))


@worker.task("search-media")
def search_media(case: Case) -> Completed:
    return found(mediaHits=registers.adverse_articles(case.customer.name))


@worker.task("open-account")
def open_account(person: Person) -> Completed:
    account = registers.open_account(person.customer_id)
    say(person, f"welcome, your account is {account}")
    return found(account=account)


@worker.task("tell-refused")
def tell_refused(person: Person) -> None:
    say(person, "we are sorry, we cannot open an account for you")


@worker.task("erase-documents")
def erase_documents(task: ExternalTask) -> dict[str, None]:
    print(f"{task.business_key}: documents erased", flush=True)
    return {"documents": None}


def found(**variables: object) -> Completed:
    """What a step has found, for the model's decisions, and as an entry of the results that nobody changes any more.
    The four checks append at the same time, and no entry is lost."""
    return Completed(variables=variables, result=TaskResult(data=variables))


def say(person: Person, text: str) -> None:
    """Would be a letter."""
    print(f"to {person.customer_id}: {text}", flush=True)


if __name__ == "__main__":
    worker.run()
