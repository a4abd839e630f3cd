"""Rows as text, CSV and JSON. Pure."""
