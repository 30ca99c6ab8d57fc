"""What a check found, and what to do about it."""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """How serious it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but somebody should act."""
    FAILED = "failed"
    """It does not work, or data can be lost."""


class Found(msgspec.Struct, frozen=True):
    """One finding. `advice`: what to do; None where nothing is to be done."""

    check: str
    verdict: Verdict
    text: str
    advice: str | None = None


def ok(check: str, text: str) -> Found:
    """All is well."""
    return Found(check, Verdict.OK, text)


def warning(check: str, text: str, advice: str) -> Found:
    """Somebody should act."""
    return Found(check, Verdict.WARNING, text, advice)


def failed(check: str, text: str, advice: str) -> Found:
    """It does not work."""
    return Found(check, Verdict.FAILED, text, advice)
