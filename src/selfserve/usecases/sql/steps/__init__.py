"""SQL on Hive and Spark: each statement is a run of ours."""
