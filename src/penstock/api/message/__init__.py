"""Camunda 7 resource: message."""
