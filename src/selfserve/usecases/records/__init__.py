"""What is known of a run: its record, its output, its outcome."""
