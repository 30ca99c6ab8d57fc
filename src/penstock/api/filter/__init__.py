"""Camunda 7 resource: filter."""
