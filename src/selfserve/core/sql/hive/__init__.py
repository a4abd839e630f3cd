"""Tables and types as Hive, Glue and Spark describe them. Pure."""
