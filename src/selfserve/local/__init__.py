"""EMR on this machine: the same API, with real Spark processes behind it."""
