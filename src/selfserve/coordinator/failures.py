"""What a coordinator's errors mean to a person. Pure: errors in, errors out.

Names and types are those of Trino's StandardErrorCode and of the Hive connector; Presto's
are the same where both have one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from selfserve.coordinator.storage_failures import storage_failure
from selfserve.core.sql.problems import SqlError, sql_error
from selfserve.errors import (
    ClusterFailedError,
    JobFailedError,
    RefusedByPolicyError,
    SelfserveError,
)

_PLACE = re.compile(r"^line \d+:\d+: ")

_LOST_NODES = {
    "SERVER_SHUTTING_DOWN",
    "SERVER_STARTING_UP",
    "NO_NODES_AVAILABLE",
    "REMOTE_HOST_GONE",
    "REMOTE_TASK_ERROR",
    "REMOTE_TASK_MISMATCH",
    "PAGE_TRANSPORT_ERROR",
    "PAGE_TRANSPORT_TIMEOUT",
    "TOO_MANY_REQUESTS_FAILED",
}
_OUT_OF_MEMORY = {
    "CLUSTER_OUT_OF_MEMORY",
    "EXCEEDED_GLOBAL_MEMORY_LIMIT",
    "EXCEEDED_LOCAL_MEMORY_LIMIT",
    "EXCEEDED_MEMORY_LIMIT",
    "EXCEEDED_SPILL_LIMIT",
}
_LIMITS = {
    "ADMINISTRATIVELY_KILLED": "It was ended by an administrator or a rule of the cluster.",
    "ADMINISTRATIVELY_PREEMPTED": "It was ended to make room for another query.",
    "EXCEEDED_CPU_LIMIT": "Ask for fewer days or columns.",
    "EXCEEDED_SCAN_LIMIT": "Ask for fewer days or columns.",
    "EXCEEDED_TASK_DESCRIPTOR_STORAGE_CAPACITY": "Ask for fewer partitions.",
    "EXCEEDED_TIME_LIMIT": "Ask for fewer days or columns, or give the cluster more workers.",
    "PERMISSION_DENIED": "Ask whoever looks after the tables for the right to read them.",
    "QUERY_QUEUE_FULL": "Try again when other people's queries are done.",
    "QUERY_REJECTED": "Ask whoever looks after the cluster.",
    "USER_CANCELED": "Somebody cancelled it; ask for it again with: selfserve sql --again",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of whom: words for messages."""

    engine: str
    """As people write it, such as Trino."""
    cluster: str
    """The cluster's name, for commands to paste."""
    statement: str = ""
    """As the user wrote it."""
    lines_before: int = 0
    """Of what was sent before it."""


@dataclass(frozen=True, slots=True)
class EngineError:
    """An error as the protocol has it."""

    name: str
    type: str
    message: str
    place: tuple[int, int] | None
    """Line and column, from 1."""
    causes: tuple[str, ...] = ()
    """Messages of the failure and its causes, outermost first."""


def from_protocol(error: Mapping[str, object]) -> EngineError:
    """Read the `error` of a page."""
    place, failure = error.get("errorLocation"), error.get("failureInfo")
    return EngineError(
        name=str(error.get("errorName", "UNKNOWN")),
        type=str(error.get("errorType", "")),
        message=str(error.get("message") or error.get("errorName") or "no reason given"),
        place=_place(place) if isinstance(place, Mapping) else None,
        causes=tuple(_causes(failure)) if isinstance(failure, Mapping) else (),
    )


def to_selfserve_error(error: EngineError, asked: Asked) -> SelfserveError:
    """The error that the user sees."""
    if error.name in _LOST_NODES:
        return cluster_failed(f"{asked.engine} lost the query: {error.message}", asked)
    if error.name in _OUT_OF_MEMORY:
        return JobFailedError(
            f"The query needs more memory than it may use: {error.message}",
            hint=f"Give the cluster more workers: selfserve resize {asked.cluster} --workers N; "
            "or join smaller tables, and group by fewer columns.",
        )
    storage = storage_failure(
        f"{error.message}\n" + "\n".join(error.causes), name=error.name, engine=asked.engine
    )
    if storage is not None:
        return storage
    if error.name in _LIMITS:
        return RefusedByPolicyError(
            f"{asked.engine} refused or ended the query: {error.message}", hint=_LIMITS[error.name]
        )
    if error.type == "USER_ERROR":
        return _user_error(error, asked)
    return JobFailedError(
        f"{asked.engine} could not answer the query: {error.message} ({error.name})",
        hint=f"Try it once more; then see what the cluster says: selfserve why {asked.cluster}",
    )


def cluster_failed(what: str, asked: Asked) -> ClusterFailedError:
    """`what` happened to the cluster or its coordinator."""
    return ClusterFailedError(
        what,
        hint=f"See what became of it: selfserve why {asked.cluster}; "
        f"or whether it is up: selfserve status {asked.cluster}",
    )


def _user_error(error: EngineError, asked: Asked) -> SqlError:
    what = _PLACE.sub("", error.message)
    hint = _hint(error.name, asked)
    if error.place is None:
        return SqlError(what, hint=hint)
    line, column = error.place
    line -= asked.lines_before
    length = len(_word_at(asked.statement, line, column))
    return sql_error(what, asked.statement, line=line, column=column, length=length, hint=hint)


def _hint(name: str, asked: Asked) -> str:
    match name:
        case "TABLE_NOT_FOUND" | "SCHEMA_NOT_FOUND" | "CATALOG_NOT_FOUND":
            return f"See which tables there are: selfserve sql -c {asked.cluster} 'SHOW TABLES'"
        case "COLUMN_NOT_FOUND":
            return f"See the columns of TABLE: selfserve sql -c {asked.cluster} 'DESCRIBE TABLE'"
        case "FUNCTION_NOT_FOUND":
            return f"See the functions: selfserve sql -c {asked.cluster} 'SHOW FUNCTIONS'"
        case _:
            return "Correct the statement, then ask again."


def _word_at(text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    if not 1 <= line <= len(lines):
        return ""
    found = re.match(r'"[^"]*"|[\w.]+', lines[line - 1][column - 1 :])
    return found.group() if found else ""


def _place(found: Mapping[str, object]) -> tuple[int, int] | None:
    line, column = found.get("lineNumber"), found.get("columnNumber")
    return (line, column) if isinstance(line, int) and isinstance(column, int) else None


def _causes(failure: Mapping[str, object]) -> Iterator[str]:
    cause: object = failure
    while isinstance(cause, Mapping):
        if cause.get("message"):
            yield str(cause["message"])
        cause = cause.get("cause")
