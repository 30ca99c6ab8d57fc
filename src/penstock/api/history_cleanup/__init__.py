"""Camunda 7 resource: history/cleanup."""
