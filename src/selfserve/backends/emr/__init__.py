"""Amazon EMR's API, spoken to AWS or to the endpoint on this machine."""
