"""Queries that were run, and their rows."""
