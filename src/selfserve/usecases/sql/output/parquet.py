"""Rows as a Parquet file, in row groups of bounded size.

What Arrow or Parquet lacks becomes text, as in a table: intervals, times with a zone,
UUIDs, addresses, sketches. A TIMESTAMP WITH TIME ZONE keeps its instant, in UTC, and loses
the name of its zone. Timestamps and times are in microseconds, whatever their precision:
every engine of EMR reads these.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.results.rendering import render_text
from selfserve.core.sql.results.result_format import distinct_names
from selfserve.core.sql.results.sql_types import SqlType, parse_type
from selfserve.errors import BadInputError

if TYPE_CHECKING:
    import pyarrow as pa

    from selfserve.usecases.sql.output.sink import Sink

_ROW_GROUP_BYTES = 32 * 1024 * 1024  # in memory; a reader's unit of work, and what we keep
_ROWS_AT_A_TIME = 10_000


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a type is stored: Arrow's type, and how a value becomes one that Arrow takes."""

    arrow: "pa.DataType"
    convert: Callable[[Any], object] | None = None  # Any: values of the type that was asked for


class ParquetRows:
    """Writes rows as they come; never more than a row group of them is kept.

    The file is whole after the `with` block.
    """

    def __init__(self, columns: Sequence[Column], sink: "Sink") -> None:
        """Raises BadInputError without columns; a Parquet file has some."""
        import pyarrow as pa
        from pyarrow import parquet

        if not columns:
            raise BadInputError(
                "This statement has no result to write as Parquet.",
                hint="Run it without --out and with: -o table",
            )
        self._kinds = [_kind(parse_type(column.type)) for column in columns]
        names = distinct_names(column.name for column in columns)
        self._schema = pa.schema(
            [pa.field(name, kind.arrow) for name, kind in zip(names, self._kinds, strict=True)]
        )
        self._pending: list[pa.RecordBatch] = []
        file = pa.PythonFile(sink, mode="w")
        self._writer = parquet.ParquetWriter(file, self._schema, compression="snappy")

    def add(self, batch: Sequence[Row]) -> None:
        """Write these, too."""
        for start in range(0, len(batch), _ROWS_AT_A_TIME):
            rows = batch[start : start + _ROWS_AT_A_TIME]
            self._pending.append(_record_batch(rows, self._kinds, self._schema))
            if sum(pending.nbytes for pending in self._pending) >= _ROW_GROUP_BYTES:
                self._write_pending()

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and self._pending:
            self._write_pending()
        self._writer.__exit__(kind, error, traceback)

    def _write_pending(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_batches(self._pending, self._schema))
        self._pending.clear()


def write_parquet(
    columns: Sequence[Column], batches: Iterable[Sequence[Row]], sink: "Sink"
) -> None:
    """Write all rows.

    Raises:
        BadInputError: there are no columns.
    """
    with ParquetRows(columns, sink) as writer:
        for batch in batches:
            writer.add(batch)


def _record_batch(
    rows: Sequence[Row], kinds: Sequence[_Kind], schema: "pa.Schema"
) -> "pa.RecordBatch":
    import pyarrow as pa

    arrays = [
        pa.array(_converted(values, kind.convert), type=kind.arrow)
        for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _converted(
    values: Sequence[object], convert: Callable[[Any], object] | None
) -> Sequence[object]:
    if convert is None:
        return values
    return [None if value is None else convert(value) for value in values]


def _kind(sql_type: SqlType) -> _Kind:
    match sql_type:
        case SqlType("array", parts=(item,)):
            return _array(_kind(item))
        case SqlType("map", parts=(key, value)):
            return _map(_kind(key), _kind(value))
        case SqlType("row", parts=parts, fields=fields) if parts:
            return _row(distinct_names(fields), fields, [_kind(part) for part in parts])
        case SqlType("decimal", numbers=(precision, scale)):
            import pyarrow as pa

            return _Kind(pa.decimal128(precision, scale))
    return _simple(sql_type)


def _simple(sql_type: SqlType) -> _Kind:
    import pyarrow as pa

    arrow = {
        "boolean": pa.bool_(),
        "tinyint": pa.int8(),
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "real": pa.float32(),
        "double": pa.float64(),
        "varchar": pa.string(),
        "char": pa.string(),
        "varbinary": pa.binary(),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "timestamp": pa.timestamp("us"),
        "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    }.get(sql_type.name)
    if arrow is not None:
        return _Kind(arrow)
    return _Kind(pa.string(), partial(_text, sql_type))


def _text(sql_type: SqlType, value: object) -> str:
    return render_text(value, sql_type)


def _array(item: _Kind) -> _Kind:
    import pyarrow as pa

    def convert(values: Sequence[object]) -> object:
        return _converted(values, item.convert)

    return _Kind(pa.list_(item.arrow), convert if item.convert else None)


def _map(key: _Kind, value: _Kind) -> _Kind:
    import pyarrow as pa

    def convert(entries: dict[object, object]) -> object:
        keys = _converted(list(entries), key.convert)
        return list(zip(keys, _converted(list(entries.values()), value.convert), strict=True))

    return _Kind(pa.map_(key.arrow, value.arrow), convert)


def _row(names: Sequence[str], fields: Sequence[str], parts: Sequence[_Kind]) -> _Kind:
    import pyarrow as pa

    def convert(row: dict[str, object] | Sequence[object]) -> object:
        values = [row.get(field) for field in fields] if isinstance(row, dict) else row
        return {
            name: _converted([value], part.convert)[0]
            for name, value, part in zip(names, values, parts, strict=True)
        }

    pairs = zip(names, parts, strict=True)
    return _Kind(pa.struct([pa.field(name, part.arrow) for name, part in pairs]), convert)
