"""Measurements side by side in one run: each prints a ratio, none is a test."""
