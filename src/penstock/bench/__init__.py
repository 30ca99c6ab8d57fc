"""Measures a server: starts one on a store, loads it over REST from a process of its own, and says what it cost.

The load generator (`generator`, `connection`, `work`) imports nothing but the standard library and is started as
`python -m penstock.bench.generator`, so that it stays lean and its CPU time can be told apart.
"""
