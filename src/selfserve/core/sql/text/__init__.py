"""The text of SQL: cut, bound, completed; without sqlglot. Pure."""
