"""SQL on this machine: the catalogue of tables, and the worker of the embedded engine."""
