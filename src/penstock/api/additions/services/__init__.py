"""Services that share the engine: who owns what, and how much of it each has taken."""
