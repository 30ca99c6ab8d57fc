"""Camunda 7 resource: history/process-definition."""
