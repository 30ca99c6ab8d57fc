"""A store in plain Python: nothing survives the process. For tests and for engines inside one service."""
