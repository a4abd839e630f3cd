"""Statements that Hive and Spark run as steps. Pure."""
