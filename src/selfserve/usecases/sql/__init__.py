"""SQL: run a statement, write its answer, keep a record of it."""
