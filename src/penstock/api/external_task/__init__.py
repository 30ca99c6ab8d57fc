"""Camunda 7 resource: external-task."""
