"""The embedded engine: DuckDB answers Trino's and Presto's SQL over the files of a lake.

A library: it knows no daemon and no cluster. Whoever uses it says where tables are
described (a `TableCatalogue`) and how their files are reached (a `FileSource`).
"""
