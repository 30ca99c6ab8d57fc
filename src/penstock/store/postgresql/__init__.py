"""A store in a PostgreSQL database (15 or newer), shared by any number of nodes."""
