"""Camunda 7 resource: process-instance."""
