"""Camunda 7 resource: process-definition."""
