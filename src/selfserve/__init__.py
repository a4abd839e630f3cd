"""A cluster by name, your Spark job on it, and nothing idle is ever paid for.

Importing this package loads nothing heavy: names are resolved on first use.
"""

__version__ = "0.1.0"
