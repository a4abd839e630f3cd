"""What the endpoint knows and decides: records, events, the pure state machine, the store."""
