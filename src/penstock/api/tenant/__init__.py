"""Camunda 7 resource: tenant."""
