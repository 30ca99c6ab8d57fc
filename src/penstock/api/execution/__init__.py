"""Camunda 7 resource: execution."""
