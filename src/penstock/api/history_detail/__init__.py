"""Camunda 7 resource: history/detail."""
