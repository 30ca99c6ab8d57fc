"""Camunda 7 resource: variable-instance."""
