"""A query that runs as a step: where its things are in S3, its order, and what came of it.

Pure. The program on the cluster (`selfserve.sql_job`) reads the order and writes the
outcome; it knows nothing of this module, so the names in them are a contract.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from selfserve.core.sql.answers import Column
from selfserve.core.sql.hive.types import to_trino_type
from selfserve.core.sql.records import query_prefix

_PART = re.compile(r"(?:part-)?(\d+)(?:-.*-c|_)(\d+)")
_TIMESTAMP = re.compile(r"\btimestamp\(3\)")
_INTERVALS = (
    (re.compile(r"\binterval (?:day|hour|minute|second)(?: to \w+)?"), "interval day to second"),
    (re.compile(r"\binterval (?:year|month)(?: to \w+)?"), "interval year to month"),
)


def rows_prefix(query_id: str) -> str:
    """S3 prefix of the Parquet files with a query's rows."""
    return f"{query_prefix(query_id)}result/"


def outcome_key(query_id: str) -> str:
    """S3 key of how a query of Spark's went; written last."""
    return f"{query_prefix(query_id)}result.json"


def progress_key(query_id: str) -> str:
    """S3 key of how far a query of Spark's is; there are quick ones without."""
    return f"{query_prefix(query_id)}progress.json"


def write_order(text: str, *, schema: str, folder: str) -> str:
    """The order for `selfserve.sql_job`, as JSON; `text` has no markers for parameters any more."""
    return json.dumps({"text": text, "schema": schema, "folder": folder})


@dataclass(frozen=True, slots=True)
class StepError:
    """What Spark said was wrong."""

    kind: str
    """The Python class of the error, such as AnalysisException."""
    message: str
    causes: tuple[str, ...]
    """`class: message` of the Java exceptions behind it, the innermost last."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How a query of Spark's went."""

    columns: tuple[Column, ...]
    error: StepError | None
    time_zone: str
    """That Spark shows times in."""
    rows: int | None
    bytes_read: int | None
    rows_read: int | None


def parse_outcome(body: bytes) -> StepOutcome:
    """Read what `selfserve.sql_job` has written.

    Raises:
        ValueError: it is something else.
    """
    try:
        record: dict[str, Any] = json.loads(body)  # as the program wrote it, hence Any
        columns = tuple(_column(**column) for column in record.get("columns", ()))
        return StepOutcome(
            columns=columns,
            error=_error(record.get("error")),
            time_zone=record.get("time_zone", "UTC"),
            rows=record.get("rows") if columns else None,
            bytes_read=record.get("bytes_read"),
            rows_read=record.get("rows_read"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no outcome of a query: {error}") from error


def _column(name: str, type: str) -> Column:  # noqa: A002  as it stands in the record
    return Column(name, spark_type(type))


def spark_type(text: str) -> str:
    """Trino's spelling of one of Spark's types; its times have microseconds, not milliseconds."""
    found = _TIMESTAMP.sub("timestamp(6)", to_trino_type(text))
    for pattern, name in _INTERVALS:
        found = pattern.sub(name, found)
    return found


def _error(record: dict[str, Any] | None) -> StepError | None:
    if record is None:
        return None
    return StepError(record["class"], record["message"], tuple(record["causes"]))


def in_order(keys: Iterable[str]) -> list[str]:
    """Keys of the files that hold rows, in the order of the rows.

    Spark names files part-00000-ID-c000…, by task and by file of the task; Hive 000000_0.
    """
    parts = ((_PART.match(key.rpartition("/")[2]), key) for key in keys)
    return [key for _, _, key in sorted((int(it[1]), int(it[2]), key) for it, key in parts if it)]
