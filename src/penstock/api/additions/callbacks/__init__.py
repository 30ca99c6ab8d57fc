"""`/penstock/v1/callbacks`."""
