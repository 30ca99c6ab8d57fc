"""What a test expects of a process instance, with messages that say where it is instead.

assert_that(instance).has_passed("reserve").waits_at("charge").has_variable("amount", 100)
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NoReturn, Self

from penstock.testing.instance import ProcessInstance

__tracebackhide__ = True
"""pytest shows the line of the test, not the ones here."""

_ANY = object()


def assert_that(instance: ProcessInstance) -> "InstanceAssertions":
    """Expectations of `instance`; each returns itself, so that they can be chained, or raises AssertionError."""
    return InstanceAssertions(instance)


class InstanceAssertions:
    """See `assert_that`."""

    def __init__(self, instance: ProcessInstance) -> None:
        self._instance = instance

    def waits_at(self, *elements: str) -> Self:
        """It waits at each of these elements (as often as it is named), and maybe at others."""
        missing = Counter(elements) - Counter(self._instance.waits_at)
        if missing:
            self._fail(f"to wait at {_listed(missing.elements())}")
        return self

    def waits_only_at(self, *elements: str) -> Self:
        """It waits at these elements and at no other."""
        if Counter(elements) != Counter(self._instance.waits_at):
            self._fail(f"to wait at {_listed(elements)} and nowhere else")
        return self

    def does_not_wait_at(self, *elements: str) -> Self:
        """It waits at none of these elements."""
        there = [element for element in elements if element in self._instance.waits_at]
        if there:
            self._fail(f"not to wait at {_listed(there)}")
        return self

    def has_passed(self, *elements: str) -> Self:
        """It has completed each of these elements, in whatever order."""
        missing = [element for element in elements if element not in self._instance.passed]
        if missing:
            self._fail(f"to have passed {_listed(missing)}")
        return self

    def has_passed_in_order(self, *elements: str) -> Self:
        """It has completed these elements one after another, maybe with others between them."""
        ahead = iter(self._instance.passed)
        if not all(element in ahead for element in elements):
            self._fail(f"to have passed {_listed(elements)} in this order")
        return self

    def has_not_passed(self, *elements: str) -> Self:
        """It has completed none of these elements."""
        there = [element for element in elements if element in self._instance.passed]
        if there:
            self._fail(f"not to have passed {_listed(there)}")
        return self

    def is_ended(self) -> Self:
        """It is over: completed or terminated."""
        if not self._instance.is_ended:
            self._fail("to have ended")
        return self

    def is_completed(self) -> Self:
        """It has reached its end by itself."""
        if self._instance.state != "COMPLETED":
            self._fail("to have completed")
        return self

    def is_active(self) -> Self:
        """It is not over."""
        if self._instance.is_ended:
            self._fail("to be active")
        return self

    def has_variable(self, name: str, value: Any = _ANY) -> Self:
        """It has this variable; with `value`, equal to it."""
        variables = self._instance.variables
        if name not in variables:
            self._fail(f"to have a variable {name!r}")
        if value is not _ANY and variables[name] != value:
            self._fail(f"variable {name!r} to be {value!r}, it is {variables[name]!r}")
        return self

    def has_no_variable(self, name: str) -> Self:
        """It does not have this variable."""
        if name in self._instance.variables:
            self._fail(f"to have no variable {name!r}")
        return self

    def has_incident(self, element: str | None = None, *, message: str | None = None) -> Self:
        """Something stands still; with `element` there, with `message` for a reason that contains this text."""
        for incident in self._instance.incidents:
            if element in (None, incident.activity) and (message is None or message in (incident.message or "")):
                break
        else:
            where = f" at {element!r}" if element is not None else ""
            self._fail(f"to have an incident{where}" + (f" with {message!r}" if message is not None else ""))
        return self

    def has_no_incident(self) -> Self:
        """Nothing stands still."""
        if self._instance.incidents:
            self._fail("to have no incident")
        return self

    def has_task(self, key: str, *, assignee: str | None = None, candidate_group: str | None = None) -> Self:
        """A user task is open at this element, for this person or group."""
        for task in self._instance.tasks:
            groups = task.candidate_groups if candidate_group is not None else [None]
            if task.key == key and assignee in (None, task.assignee) and candidate_group in groups:
                break
        else:
            who = f" for {assignee or candidate_group!r}" if assignee or candidate_group else ""
            self._fail(f"to have a user task {key!r}{who}")
        return self

    def _fail(self, expected: str) -> NoReturn:
        raise AssertionError(f"expected {expected}\n{described(self._instance)}")


def described(instance: ProcessInstance) -> str:
    """An instance in a few lines: where it is, where it has been, what it knows."""
    business_key = f", business key {instance.business_key!r}" if instance.business_key is not None else ""
    lines = [f"  instance of {instance.key!r} ({instance.state}{business_key})"]
    if not instance.is_ended:
        lines.append(f"  waits at:   {_listed(instance.waits_at)}")
    lines.append(f"  has passed: {_listed(instance.passed)}")
    if instance.canceled:
        lines.append(f"  canceled:   {_listed(instance.canceled)}")
    lines += [f"  user task:  {task.key} (assignee {task.assignee!r})" for task in instance.tasks]
    lines += [
        f"  incident:   {incident.type} at {incident.activity}: {incident.message}" for incident in instance.incidents
    ]
    values = ", ".join(f"{name} = {value!r}" for name, value in sorted(instance.variables.items()))
    lines.append(f"  variables:  {values or 'none'}")
    return "\n".join(lines)


def _listed(elements: Iterable[str]) -> str:
    return ", ".join(elements) or "nothing"
