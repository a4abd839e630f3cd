"""One verb a file: orchestration without printing. Only these read the clock and the user's files."""
