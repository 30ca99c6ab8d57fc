"""Camunda 7 resource: history/process-instance."""
