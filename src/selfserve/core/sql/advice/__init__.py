"""Which engine fits a query. Pure."""
