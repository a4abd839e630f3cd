"""One verb a file: orchestration without printing. Only these read the clock and users' files."""
