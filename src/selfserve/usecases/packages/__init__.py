"""Make archives and objects of a user's files."""
