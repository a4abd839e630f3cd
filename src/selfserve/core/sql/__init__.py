"""SQL as data: statements, parameters, tables, answers, records of queries. Pure."""
