"""Camunda 7 resource: history/job-log."""
