"""Find a cluster for a run, and add its step there under a lease."""
