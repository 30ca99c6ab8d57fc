"""Camunda 7 resource: identity."""
