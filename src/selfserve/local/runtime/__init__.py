"""One installed Spark per pinned version, with a Python and a Java that fit it."""
