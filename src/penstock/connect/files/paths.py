"""Paths below a folder, as models write them."""

from penstock.base.errors import ConnectorRefused

PATH_CHARS_MAX = 1_000
NAME_BYTES_MAX = 200
"""Less than file systems take, so that there is room for what a temporary name adds."""

TEMPORARY = ".penstock-"
"""What the names of files begin with that are still being written: no model sees them."""


def segments(text: str, what: str, *, empty: bool = False) -> tuple[str, ...]:
    """`a/b.txt` → ("a", "b.txt"). `empty`: whether the folder itself may be meant. Raises ConnectorRefused."""
    if len(text) > PATH_CHARS_MAX:
        raise ConnectorRefused(f"The input parameter '{what}' has more than {PATH_CHARS_MAX} characters")
    found = tuple(part for part in text.strip().split("/") if part not in ("", "."))
    if text.strip().startswith("/") or any(not _is_name(part) for part in found):
        raise ConnectorRefused(
            f"The input parameter '{what}' must be a path below the folder of the connection: without .. and backslashes, "
            "and not from / on"
        )
    if not found and not empty:
        raise ConnectorRefused(f"The input parameter '{what}' names no file")
    return found


def _is_name(part: str) -> bool:
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        return False
    return (
        part != ".." and part.isprintable() and "\\" not in part and size <= NAME_BYTES_MAX and not is_temporary(part)
    )


def is_temporary(name: str) -> bool:
    """Whether a file of this name is still being written."""
    return name.startswith(TEMPORARY)
