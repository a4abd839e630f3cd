"""Which engine fits a query, and why: `selfserve which`.

Pure. What decides is, in this order: what only some engines have, long or large work that must
survive the loss of a worker, joins that do not fit into memory, and smallness. Each rule has
its rows in tests/unit/sql/test_advice.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from selfserve.core.durations import to_words
from selfserve.core.quantities import format_size
from selfserve.core.sql.advice.case import BATCH, INTERACTIVE, Case, listed, named, to_case
from selfserve.core.sql.advice.size import Limits, QuerySize
from selfserve.core.sql.engines import Engine

_UNPACKED = 4
"""Bytes in memory to bytes in Parquet files: a rule of thumb, which errs to the large side."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Where a query should run."""

    engine: Engine | None
    """None: no engine has all that the query uses."""
    why: str
    """One sentence, with the figures that decided."""
    also: str
    """What else there is to know: the next best, or what would change the advice."""
    on_laptop: bool = False
    """By the embedded engine, which reads the SQL of `engine`; no cluster is needed."""


def advise(
    text: str, written_in: Engine, size: QuerySize | None = None, *, limits: Limits | None = None
) -> Advice:
    """The engine that fits a statement or a script best, and why.

    Args:
        text: what should run.
        written_in: whose SQL it is meant to be.
        size: of all statements together; without it, only the text decides.
        limits: instead of the usual ones.

    Raises:
        SqlError: a string, a quoted name or a comment is not closed.
    """
    case = to_case(text, written_in, size or QuerySize(), limits or Limits())
    return next(advice for rule in _RULES if (advice := rule(case)) is not None)


def _nobody_has_all(case: Case) -> Advice | None:
    pairs = combinations(case.features, 2)
    apart = next(((a, b) for a, b in pairs if a.engines.isdisjoint(b.engines)), None)
    if apart is None:
        return None
    one, other = apart
    return Advice(
        None,
        f"{one.name} is only in {named(one.engines)}, and {other.name} only in "
        f"{named(other.engines)}.",
        f"Write {other.name} in another way for {named(one.engines)}, "
        f"or {one.name} for {named(other.engines)}.",
    )


def _only_presto_has_it(case: Case) -> Advice | None:
    is_only = case.able == {Engine.PRESTO}
    is_at_home = case.written_in is Engine.PRESTO in case.able and Engine.TRINO not in case.able
    if not (is_only or is_at_home):
        return None
    missing = case.missing_in(Engine.TRINO)
    return Advice(
        Engine.PRESTO,
        f"{named(case.able)} {_have(case.able)} {missing}, and Trino has not.",
        f"Without {missing}, Trino would do: -c adhoc-presto.",
    )


def _trino_lacks_it(case: Case) -> Advice | None:
    if Engine.TRINO in case.able:
        return None
    engine = case.batch_engine
    missing, others = case.missing_in(Engine.TRINO), case.able & BATCH - {engine}
    return Advice(
        engine,
        f"only {named(case.able)} {_have(case.able)} {missing}.",
        f"{named(others)} would do as well."
        if others
        else f"Without {missing}, another engine could do it, too.",
    )


def _heavy_work_must_survive(case: Case) -> Advice | None:
    if not case.heaviness or case.able.isdisjoint(BATCH):
        return None
    engine = case.batch_engine
    return Advice(
        engine,
        f"{case.heaviness}; when a worker is lost, {engine.called} goes on and Trino fails.",
        case.rewriting(engine) or "Trino is faster as long as nothing goes wrong.",
    )


def _large_joins_need_disks(case: Case) -> Advice | None:
    smaller, memory = case.size.largest_join_bytes, case.limits.join_memory_bytes
    if smaller is None or smaller * _UNPACKED <= memory or Engine.SPARK not in case.able:
        return None
    return Advice(
        Engine.SPARK,
        f"the smaller side of a join is {format_size(smaller)}, about "
        f"{format_size(smaller * _UNPACKED)} in memory; Trino has {format_size(memory)} "
        "for a query, and Spark SQL joins on disk.",
        case.rewriting(Engine.SPARK) or "With a filter on that side, Trino could do it.",
    )


def _small_is_answered_here(case: Case) -> Advice | None:
    amount, limit = case.size.bytes_read, case.limits.laptop_bytes
    if amount is None or amount > limit or case.writes or Engine.TRINO not in case.able:
        return None
    return Advice(
        Engine.TRINO,
        f"it {case.work}, not more than {format_size(limit)}, and needs no cluster.",
        case.rewriting(Engine.TRINO)
        or "Trino gives the same answer on a cluster: -c adhoc-presto.",
        on_laptop=True,
    )


def _only_interactive_engines_have_it(case: Case) -> Advice | None:
    if not case.able <= INTERACTIVE:
        return None
    names = listed([each.name for each in case.features if each.engines <= INTERACTIVE])
    return Advice(
        Engine.TRINO,
        f"only {named(case.able)} {_have(case.able)} {names}.",
        f"But {case.heaviness}, and a lost worker fails all of it; Spark SQL would go on, "
        f"without {names}."
        if case.heaviness
        else _unless_larger(case),
    )


def _trino_answers_soonest(case: Case) -> Advice | None:
    known = f"it {case.work}, and " if case.work else ""
    doing = "does that soonest" if case.writes else "answers that while you wait"
    work = f"{known}Trino {doing}" if known else _by_text(case)
    return Advice(Engine.TRINO, f"{work}.", case.rewriting(Engine.TRINO) or _unless_larger(case))


_RULES: Sequence[Callable[[Case], Advice | None]] = (
    _nobody_has_all,
    _only_presto_has_it,
    _trino_lacks_it,
    _heavy_work_must_survive,
    _large_joins_need_disks,
    _small_is_answered_here,
    _only_interactive_engines_have_it,
    _trino_answers_soonest,
)


def _by_text(case: Case) -> str:
    does = "writes" if case.writes else "only reads"
    return f"it {does}, needs nothing that Trino lacks, and Trino answers soonest"


def _unless_larger(case: Case) -> str:
    limit = to_words(case.limits.long_duration)
    if case.writes:
        limit = f"{format_size(case.limits.large_write_bytes)} or {limit}"
    unknown = "How much it reads is not known. " if case.size.bytes_read is None else ""
    return f"{unknown}For work of more than {limit}, take Spark SQL: it survives a lost worker."


def _have(engines: frozenset[Engine]) -> str:
    return "has" if len(engines) == 1 else "have"
