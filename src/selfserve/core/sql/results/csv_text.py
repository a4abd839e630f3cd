"""Rows as CSV, quoted as RFC 4180 says, with a header. Pure.

NULL is an empty field, an empty string is `""`. Lines end as they do on Unix. Python's own
csv module does the work as long as it knows these rules too; before Python 3.12 it cannot
tell an empty string from a NULL.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import Any

from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.results.rendering import render_text
from selfserve.core.sql.results.sql_types import SqlType, parse_type

_AS_THEY_ARE = frozenset(
    {"tinyint", "smallint", "integer", "bigint", "varchar", "char", "date", "json", "uuid"}
)
"""Types whose values the csv module writes as we do; this is what makes it fast."""
_ROWS_AT_A_TIME = 2_000
_TO_BE_QUOTED = re.compile('[",\r\n]')


def csv_text(columns: Sequence[Column], batches: Iterable[Sequence[Row]]) -> Iterator[str]:
    """The file, a piece at a time: the header, then some rows each; nothing without columns."""
    if not columns:
        for _ in batches:  # a statement without rows is to be waited for, too
            pass
        return
    yield _line([column.name for column in columns])
    types = [parse_type(column.type) for column in columns]
    for batch in batches:
        for start in range(0, len(batch), _ROWS_AT_A_TIME):
            yield _rows_text(_with_text(batch[start : start + _ROWS_AT_A_TIME], types))


def _with_text(rows: Sequence[Row], types: Sequence[SqlType]) -> Sequence[Row]:
    """The rows, with text for what the csv module would write otherwise than we do."""
    if all(sql_type.name in _AS_THEY_ARE for sql_type in types):
        return rows
    columns = [
        _column_with_text(values, sql_type)
        for values, sql_type in zip(zip(*rows, strict=True), types, strict=True)
    ]
    return list(zip(*columns, strict=True))


def _column_with_text(
    values: Sequence[Any],  # of the type that the engine named
    sql_type: SqlType,
) -> Sequence[object]:
    if sql_type.name in _AS_THEY_ARE:
        return values
    # The sum of doubles is finite only if all of them are: then Python writes them as we do.
    if sql_type.name == "double" and isfinite(sum(filter(None, values))):
        return values
    return [None if value is None else render_text(value, sql_type) for value in values]


def _rows_text(rows: Sequence[Row]) -> str:
    if not _wants_care(rows):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        if "\r" not in text.getvalue():  # alone, it would stay unquoted
            return text.getvalue()
    return "".join(map(_line, rows))


def _wants_care(rows: Sequence[Row]) -> bool:
    """Whether there are empty strings, or a NULL that is all of its row."""
    if any("" in row for row in rows):
        return True
    return len(rows[0]) == 1 and any(row[0] is None for row in rows)


def _line(row: Sequence[object]) -> str:
    return ",".join(map(_field, row)) + "\n"


def _field(value: object) -> str:
    if value is None:
        return ""
    text = str(value)
    if text and not _TO_BE_QUOTED.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'
