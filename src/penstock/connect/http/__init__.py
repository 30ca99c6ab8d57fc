"""Camunda's `http-connector`."""
