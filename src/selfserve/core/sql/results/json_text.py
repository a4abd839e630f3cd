"""Rows as one JSON array of objects, an object a line, so that line tools can read it. Pure."""

import json
from collections.abc import Iterable, Iterator, Sequence

from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.results.rendering import render_plain
from selfserve.core.sql.results.result_format import distinct_names
from selfserve.core.sql.results.sql_types import parse_type

_ROWS_AT_A_TIME = 2_000
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def json_text(columns: Sequence[Column], batches: Iterable[Sequence[Row]]) -> Iterator[str]:
    """The file, a piece at a time: `[`, some rows each, `]`."""
    names = distinct_names(column.name for column in columns)
    types = [parse_type(column.type) for column in columns]
    between = "[\n"
    for batch in batches:
        for start in range(0, len(batch), _ROWS_AT_A_TIME):
            yield between + ",\n".join(
                _encode(dict(zip(names, map(render_plain, row, types), strict=True)))
                for row in batch[start : start + _ROWS_AT_A_TIME]
            )
            between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"
