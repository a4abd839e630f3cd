"""What a statement will read, take and cost. Pure."""
