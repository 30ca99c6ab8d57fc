"""Camunda 7 resource: history/external-task-log."""
