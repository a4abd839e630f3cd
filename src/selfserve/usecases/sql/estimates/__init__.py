"""What a statement would come to, where it would run."""
