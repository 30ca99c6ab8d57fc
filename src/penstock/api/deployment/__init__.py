"""Camunda 7 resource: deployment."""
