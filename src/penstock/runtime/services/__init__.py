"""Several services that share one engine: who owns which definitions and topics, and how much of the engine each may take.

Configured by `[[service]]` in `penstock.toml` (`config`). `admission` decides about each start at one place of the executor;
`usage` sees to what it decides by; `services` puts it together and follows the file. Without a service nothing of it runs.
"""
