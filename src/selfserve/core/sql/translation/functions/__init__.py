"""Functions by Trino's names: how DuckDB gives the same result."""
