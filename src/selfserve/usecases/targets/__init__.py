"""Find what `--on` names, and connect to it."""
