"""A store in one SQLite file: for one server, durable, nothing to set up."""
