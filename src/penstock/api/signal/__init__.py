"""Camunda 7 resource: signal."""
