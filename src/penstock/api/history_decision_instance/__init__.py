"""Camunda 7 resource: history/decision-instance."""
