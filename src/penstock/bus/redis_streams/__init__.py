"""Redis Streams, with redis-py."""
