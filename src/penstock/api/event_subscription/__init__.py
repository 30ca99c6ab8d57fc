"""Camunda 7 resource: event-subscription."""
