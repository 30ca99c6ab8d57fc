"""Reads the name of a kind."""

from penstock.cli.fail import USAGE, fail
from penstock.cli.kinds import Kind


def kind_of(text: str) -> Kind:
    """The kind that `text` names, in singular or plural. Ends the command for anything else."""
    kind = next((kind for kind in Kind if text.lower() in (kind.value, kind.value[:-1])), None)
    if kind is None:
        fail(f"there is no kind {text!r}: use one of {', '.join(kind.value for kind in Kind)}", USAGE)
    return kind
