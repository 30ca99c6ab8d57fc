"""Camunda's `soap-http-connector`, and envelopes that the connector builds and reads itself."""
