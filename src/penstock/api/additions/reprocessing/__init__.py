"""Failed work after an outage or a bug fix: looked at, and tried again in bulk."""
