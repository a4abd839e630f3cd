"""What the rules of advice.py look at: the text and the size of a query, in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import reduce

from selfserve.core.durations import to_words
from selfserve.core.quantities import format_size
from selfserve.core.sql.advice.features import Feature, find_features
from selfserve.core.sql.advice.size import Limits, QuerySize
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.script import StatementKind, split_script
from selfserve.core.sql.text.tokens import TokenKind, scan

INTERACTIVE = frozenset({Engine.TRINO, Engine.PRESTO})
BATCH = frozenset({Engine.HIVE, Engine.SPARK})


@dataclass(frozen=True, slots=True)
class Case:
    """A query that somebody wants advice on."""

    features: Sequence[Feature]
    written_in: Engine
    writes: bool
    size: QuerySize
    limits: Limits
    able: frozenset[Engine] = field(init=False)
    """The engines that have every feature."""

    def __post_init__(self) -> None:
        able = reduce(
            frozenset.__and__, (each.engines for each in self.features), frozenset(Engine)
        )
        object.__setattr__(self, "able", able)

    @property
    def batch_engine(self) -> Engine:
        """Hive for what is written for it, else Spark; of those that are able."""
        preferred = Engine.HIVE if self.written_in is Engine.HIVE else Engine.SPARK
        return preferred if preferred in self.able else next(iter(self.able & BATCH))

    def missing_in(self, engine: Engine) -> str:
        """The names of what this engine lacks."""
        return listed([each.name for each in self.features if engine not in each.engines])

    @property
    def work(self) -> str:
        """`reads 40 GB of 3 tables`, as far as it is known."""
        if self.size.bytes_read is None:
            return ""
        tables = self.size.tables
        of = f" of {tables} table{'s' if tables != 1 else ''}" if tables else ""
        return f"reads {format_size(self.size.bytes_read)}{of}"

    @property
    def heaviness(self) -> str:
        """Why a lost worker would hurt; empty if it would not, or nobody knows."""
        amount, duration = self.size.bytes_read or 0, self.size.duration or timedelta()
        if self.writes and amount >= self.limits.large_write_bytes:
            return f"it {self.work} and writes the result"
        if duration >= self.limits.long_duration:
            return f"it may take {to_words(duration)}"
        return ""

    def rewriting(self, engine: Engine) -> str:
        """What it takes to bring it to an engine that it is not written for; empty if nothing."""
        if engine is self.written_in or {engine, self.written_in} <= BATCH:
            return ""
        quote = "double quotes" if engine in INTERACTIVE else "backticks"
        return (
            f"It is written for {self.written_in.called}; {engine.called} wants {quote} around "
            "names, and calls some functions otherwise."
            if {engine, self.written_in} != INTERACTIVE
            else ""
        )


def to_case(text: str, written_in: Engine, size: QuerySize, limits: Limits) -> Case:
    """Look at a statement or a script.

    Raises:
        SqlError: a string, a quoted name or a comment is not closed.
    """
    features = find_features(text, written_in)
    return Case(features, written_in, _writes(text, written_in), size, limits)


def named(engines: frozenset[Engine]) -> str:
    """`Hive and Spark SQL`."""
    return listed([engine.called for engine in Engine if engine in engines])


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join((", ".join(words[:-1]), words[-1]) if len(words) > 1 else words)


def _writes(text: str, engine: Engine) -> bool:
    return any(
        statement.kind is StatementKind.DML
        or (statement.kind is StatementKind.DDL and _has_select(statement.text, engine))
        for statement in split_script(text, engine)
    )


def _has_select(text: str, engine: Engine) -> bool:
    """Whether it is CREATE TABLE … AS SELECT; a view computes nothing yet."""
    words = [t.text.casefold() for t in scan(text, engine) if t.kind is TokenKind.WORD]
    return "select" in words and "view" not in words[:5]
