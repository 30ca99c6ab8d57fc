"""Element templates of the connectors: JSON files that Camunda Modeler reads (platform Camunda 7).

The Modeler looks for them in `.camunda/element-templates` beside the diagram or above it.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

FOLDER = Path(".camunda/element-templates")
"""Where the Modeler looks, from the folder of a diagram or one above it."""


class Template(msgspec.Struct, frozen=True):
    """One template. `file`: its name; `text`: the file as it is."""

    file: str
    text: str

    @property
    def content(self) -> dict[str, Any]:
        """The JSON object."""
        found: dict[str, Any] = msgspec.json.decode(self.text)
        return found


@cache
def templates() -> tuple[Template, ...]:
    """All of them, by file name."""
    found = (file for file in files(__name__).iterdir() if file.name.endswith(".json"))
    return tuple(Template(file.name, file.read_text("utf-8")) for file in sorted(found, key=lambda file: file.name))


def write(folder: Path) -> list[Path]:
    """Writes them into the folder, which is made, over those of an earlier release. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for template in templates():
        path = folder / f"penstock-{template.file}"
        path.write_text(template.text, "utf-8")
        written.append(path)
    return written
