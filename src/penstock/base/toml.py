"""Reading configuration files, which are TOML. What their sections mean, each layer says itself."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any


def read_toml(path: Path, refused: Callable[[str], Exception]) -> dict[str, Any]:
    """What the file holds. Raises what `refused` makes of the reason why it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise refused(f"cannot read {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise refused(f"{path} is no TOML: {error}") from None
