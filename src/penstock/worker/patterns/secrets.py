"""Secrets by name: `${NAME}` in a text stands for an environment variable, `${file:PATH}` for what a file holds.

Only names are ever shown: not the values, in no message and no log.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from penstock.worker.patterns.config import BadConfig

_NAMED = re.compile(r"\$\{(file:)?([^{}]+)\}")


class Secrets:
    """What names stand for. `files`: those that were read; when one changes, what was made with it is out of date."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self.files: set[Path] = set()
        self._named: dict[str, str] = {}

    def fill(self, text: str, where: str, write: Callable[[str], str] = str) -> str:
        """The text with its secrets. `write`: how they are written there. Raises BadConfig for one that is not there."""
        return _NAMED.sub(lambda found: write(self._noted(found, where)), text)

    def hidden(self, message: str) -> str:
        """A message about a text that was filled, with names instead of the values."""
        for value in sorted(self._named, key=len, reverse=True):
            message = message.replace(value, self._named[value])
        return message

    def _noted(self, found: "re.Match[str]", where: str) -> str:
        value = self._value(found, where)
        if value:
            self._named[value] = found[0]
        return value

    def _value(self, found: "re.Match[str]", where: str) -> str:
        name = found[2].strip()
        if not found[1]:
            if name not in self._environment:
                raise BadConfig(f"{where}: there is no environment variable {name}")
            return self._environment[name]
        path = self._folder / name
        self.files.add(path)
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise BadConfig(f"{where}: the secret {name} cannot be read: {why}") from None
