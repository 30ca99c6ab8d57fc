"""The built-in functions, one module per group of the standard; importing this package fills the table."""

from penstock.expr.feel.builtins import (
    aggregates,
    contexts,
    conversion,
    lists,
    moments,
    numeric,
    ranges,
    sorting,
    text,
)
from penstock.expr.feel.functions import LIBRARY

__all__ = [
    "LIBRARY",
    "aggregates",
    "contexts",
    "conversion",
    "lists",
    "moments",
    "numeric",
    "ranges",
    "sorting",
    "text",
]
