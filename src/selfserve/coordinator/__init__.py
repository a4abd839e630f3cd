"""Trino and Presto coordinators on EMR: the tunnel to one, and the client that asks it."""
