"""Boxed expressions to functions, one module per kind. `builder.Builder` finds the right one."""
