"""Camunda 7 resource: history/incident."""
