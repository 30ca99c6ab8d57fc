"""Camunda 7 resource: user."""
