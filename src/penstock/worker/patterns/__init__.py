"""Workers that are mostly configuration: topics that call HTTP endpoints, AWS Lambda or local functions.

`generic.GenericWorker` works what a TOML file says (`config`); what calls have in common, the circuit breaker, the bound of
calls at a time, timeouts, idempotency keys, is in `guard`.
"""
