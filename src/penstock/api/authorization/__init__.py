"""Camunda 7 resource: authorization."""
