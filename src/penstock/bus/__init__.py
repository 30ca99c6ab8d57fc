"""Brokers: the contract, CloudEvents, dead letters, and one folder per broker."""
