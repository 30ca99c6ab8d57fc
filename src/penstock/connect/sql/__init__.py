"""Statements on databases: PostgreSQL and SQLite."""
