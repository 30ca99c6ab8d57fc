"""Camunda 7 resource: decision-definition."""
