"""Ask for a cluster, once, and wait until it is there."""
