"""Connectors that the engine brings along: calls to the outside, one folder each. What they do is in `protocol`, what they
connect to in `connections`; `registry` is the table of them.
"""
