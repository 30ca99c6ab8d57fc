"""NATS JetStream, with nats-py."""
