"""Camunda 7 resource: group."""
