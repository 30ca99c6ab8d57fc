"""Penstock: many services, people and systems as one durable business process."""

__all__ = ["__version__"]
__version__ = "0.1.0"
