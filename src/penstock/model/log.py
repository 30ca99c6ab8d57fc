"""Where a reader puts what it finds, with the element and the place."""

from collections.abc import Callable, Mapping, Sequence

from penstock.base.errors import ParseFailed
from penstock.model.findings import Finding, Severity
from penstock.model.xml import Document, Element

ERRORS_MAX = 1_000
"""More are not looked for: a file may be made so that each element is wrong in many ways."""

CheckExpression = Callable[[str], str | None]
"""Says what is wrong with a text that may hold expressions, or None."""


class UnreadableResource(ParseFailed):
    """The file is not XML, or holds an expression that cannot be parsed.

    Camunda 7 answers such files as `ProcessEngineException` (500) and not as `ParseException`.
    """


class Stopped(Exception):
    """Nothing further can be read from this file (where Camunda's parser gives up)."""


def parse_failed(resource: str, findings: Sequence[Finding]) -> ParseFailed:
    """The refusal of one resource, worded as Camunda 7's `ParseException`."""
    lines = []
    for finding in findings:
        if finding.severity is Severity.ERROR:
            line = f" | line {finding.line}" if finding.line else ""
            column = f" | column {finding.column}" if finding.column else ""
            lines.append(f"\n* {finding.message} | resource {resource}{line}{column}")
    report: Mapping[str, Sequence[Finding]] = {resource: tuple(findings)}
    return ParseFailed(f"ENGINE-09005 Could not parse BPMN process. Errors: {''.join(lines)}", report)


class Log:
    """The findings of one file, in the order in which they were made."""

    def __init__(self, document: Document, check_expression: CheckExpression | None = None) -> None:
        self.document = document
        self.findings: list[Finding] = []
        self.errors = 0
        self._check = check_expression
        self._sound: set[str] = set()

    def error(self, message: str, element: Element | None, *ids: str | None) -> None:
        """An error at `element`; `ids`, the main one first, replace the element's own id."""
        self._count()
        self._add(Severity.ERROR, message, element, ids)

    def _count(self) -> None:
        if self.errors >= ERRORS_MAX:
            raise Stopped(f"more than {ERRORS_MAX} errors")
        self.errors += 1

    def warn(self, message: str, element: Element | None, *ids: str | None) -> None:
        """A warning, placed as an error is."""
        self._add(Severity.WARNING, message, element, ids)

    def structural(self, message: str, element: Element) -> None:
        """An error of the XML schema, which names no element id."""
        self._count()
        line, column = self.document.position(element)
        self.findings.append(Finding(severity=Severity.ERROR, message=message, line=line, column=column))

    def _add(self, severity: Severity, message: str, element: Element | None, ids: Sequence[str | None]) -> None:
        line, column = self.document.position(element) if element is not None else (0, 0)
        own = element.id if element is not None else None
        found = [*([own] if own else []), *(one for one in ids if one and one != own)]
        if ids:
            main = ids[0]
            found.sort(key=lambda one: one != main)
        else:
            main = own or None
        self.findings.append(
            Finding(
                severity=severity,
                message=message,
                line=line,
                column=column,
                main_element_id=main,
                element_ids=tuple(found),
            )
        )

    def problem(self, text: str | None) -> str | None:
        """What is wrong with the expressions in `text`, or None."""
        if text is None or self._check is None or text in self._sound or ("${" not in text and "#{" not in text):
            return None
        found = self._check(text)
        if found is None:
            self._sound.add(text)
        return found

    def expression(self, text: str | None) -> str | None:
        """Gives `text` back; raises `Stopped` when it holds an expression that cannot be parsed."""
        found = self.problem(text)
        if found is not None:
            raise Stopped(found)
        return text


def one(element: Element, name: str) -> Element | None:
    """The only child with this local name, or None. Raises `Stopped` for several, as Camunda does."""
    found: Element | None = None
    for child in element.children:
        if child.name == name:
            if found is not None:
                raise Stopped(f"Parsing exception: multiple elements with tag name {name} found")
            found = child
    return found
