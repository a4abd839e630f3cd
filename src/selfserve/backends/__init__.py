"""Where clusters run: one small protocol, spoken to Amazon EMR or to this machine's endpoint."""
