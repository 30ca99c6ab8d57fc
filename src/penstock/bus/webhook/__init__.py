"""HTTP endpoints that take messages as requests, such as those of robots: a bus in one direction."""
