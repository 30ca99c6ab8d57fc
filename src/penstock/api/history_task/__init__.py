"""Camunda 7 resource: history/task."""
