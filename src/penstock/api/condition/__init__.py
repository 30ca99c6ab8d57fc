"""Camunda 7 resource: condition."""
