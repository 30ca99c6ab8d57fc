"""The broker inside one process: for tests, and for services that need no other."""
