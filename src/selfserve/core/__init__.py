"""Pure decisions and data: no I/O, no clock, no randomness, no boto3, no typer."""
