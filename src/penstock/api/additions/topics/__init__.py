"""Topics of external tasks: how much work waits in each, for whoever scales workers."""
