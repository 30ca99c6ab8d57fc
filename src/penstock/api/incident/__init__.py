"""Camunda 7 resource: incident."""
