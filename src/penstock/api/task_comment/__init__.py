"""Camunda 7 resources: task/{id}/comment and process-instance/{id}/comment."""
