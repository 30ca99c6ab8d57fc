"""The engine itself: version, engines, schema log, telemetry, metrics."""
