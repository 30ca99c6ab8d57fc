"""Expressions: values, JUEL, time expressions, what a script may see. Pure: no I/O, no clock."""
