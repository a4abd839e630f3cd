"""The engines that answer SQL on EMR, and the dialects their users write."""

from collections.abc import Iterable
from enum import StrEnum


class Engine(StrEnum):
    """Whose SQL a statement is. The values are sqlglot's names of the dialects, too."""

    TRINO = "trino"
    PRESTO = "presto"
    HIVE = "hive"
    SPARK = "spark"

    @property
    def called(self) -> str:
        """As people write it."""
        return {"trino": "Trino", "presto": "Presto", "hive": "Hive", "spark": "Spark SQL"}[self]

    @property
    def has_coordinator(self) -> bool:
        """Whether it listens for statements itself; the others get them as steps."""
        return self in {Engine.TRINO, Engine.PRESTO}


_BY_APPLICATION = {
    "trino": Engine.TRINO,
    "prestosql": Engine.TRINO,
    "presto": Engine.PRESTO,
    "hive": Engine.HIVE,
    "spark": Engine.SPARK,
}


def engine_of(applications: Iterable[str]) -> Engine | None:
    """What answers SQL on a cluster with these applications; None if nothing does.

    The most interactive one: Trino or Presto, else Hive, else Spark.
    """
    found = {_BY_APPLICATION.get(name.casefold()) for name in applications}
    return next((engine for engine in Engine if engine in found), None)
