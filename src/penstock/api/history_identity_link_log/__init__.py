"""Camunda 7 resource: history/identity-link-log."""
