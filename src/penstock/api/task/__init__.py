"""Camunda 7 resource: task."""
