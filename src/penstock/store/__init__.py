"""Stores: the contract, the tables, queries as data, and one folder per kind of store."""
