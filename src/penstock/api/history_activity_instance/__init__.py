"""Camunda 7 resource: history/activity-instance."""
