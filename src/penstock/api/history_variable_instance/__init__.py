"""Camunda 7 resource: history/variable-instance."""
