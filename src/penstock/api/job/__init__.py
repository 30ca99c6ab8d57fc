"""Camunda 7 resource: job."""
