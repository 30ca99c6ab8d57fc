"""Camunda 7 resource: history/user-operation."""
