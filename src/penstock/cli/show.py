"""Tables for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer


def print_json(content: Any) -> None:
    """Indented JSON on standard output."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Any]], nothing: str) -> None:
    """A table of (title, field) columns; `nothing` is said when there are no rows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        typer.echo(nothing)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, _ in columns:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row.get(field))) for _, field in columns))
    console = Console(highlight=False)
    if not console.is_terminal:
        # In a file or a pipe, no line is broken.
        widest = Console(width=100_000).measure(table).maximum
        console = Console(highlight=False, width=max(80, widest))
    console.print(table)


def print_fields(row: Mapping[str, Any]) -> None:
    """One thing, a field per line; fields without a value are left out."""
    width = max((len(name) for name in row), default=0)
    for name, value in row.items():
        if value is not None and value != [] and value != {}:
            typer.echo(f"{name:<{width}}  {cell(value)}")


def cell(value: Any) -> str:
    """A value as text; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
