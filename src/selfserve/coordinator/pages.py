"""What one page of an answer says beside its rows, and what is wrong when none comes. Pure."""

from collections.abc import Mapping

from trino.client import TrinoStatus

from selfserve.core.sql.answers import Column, Progress


def to_columns(status: TrinoStatus) -> tuple[Column, ...]:
    """The columns that a page tells of; none for statements without rows."""
    columns = tuple(Column(str(one["name"]), str(one["type"])) for one in status.columns)
    # CREATE TABLE and the like answer one `true`, which says nothing.
    says_nothing = status.update_type and columns == (Column("result", "boolean"),)
    return () if says_nothing else columns


def to_progress(stats: Mapping[str, object]) -> Progress:
    """How far the query is."""
    return Progress(
        state=str(stats.get("state", "QUEUED")),
        splits_done=count_of(stats, "completedSplits"),
        splits=count_of(stats, "totalSplits"),
        rows=count_of(stats, "processedRows"),
        bytes=count_of(stats, "processedBytes"),
    )


def count_of(stats: Mapping[str, object], name: str) -> int | None:
    """A number among the statistics; None where the engine has none."""
    found = stats.get(name)
    return found if isinstance(found, int) else None


def innermost(error: Exception) -> str:
    """The innermost reason: requests wraps urllib3's errors, which wrap the system's."""
    inner: BaseException = error
    while (deeper := inner.__cause__ or inner.__context__) is not None:
        inner = deeper
    return f"{inner}".strip() or type(inner).__name__
