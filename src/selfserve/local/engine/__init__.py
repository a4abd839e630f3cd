"""Decisions become processes: Masters, Workers and steps, found again after a crash."""
