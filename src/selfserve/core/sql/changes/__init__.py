"""Statements that change tables. Pure."""
