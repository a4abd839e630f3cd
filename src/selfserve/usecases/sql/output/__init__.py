"""Where the bytes of a result go."""
