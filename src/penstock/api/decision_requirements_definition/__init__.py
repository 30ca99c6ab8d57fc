"""Camunda 7 resource: decision-requirements-definition."""
