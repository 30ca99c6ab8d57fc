"""JavaScript in a child process.

`host.py` keeps the children and their limits, `session.py` answers one script's questions and records its writes,
`wire.py` is the form of values between them. `child.py` and `prelude.js` run in the child, which imports nothing else
of this package: it starts in a few milliseconds and holds nothing that a script could reach.
"""
