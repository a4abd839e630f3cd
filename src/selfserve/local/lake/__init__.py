"""Buckets are folders: for Spark, for every S3 client, and for tables."""
