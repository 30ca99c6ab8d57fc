"""Camunda 7 resource: task/{id}/attachment."""
