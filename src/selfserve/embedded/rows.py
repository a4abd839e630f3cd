"""Arrow's batches as rows of Python values."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.results.sql_types import SqlType, parse_type

if TYPE_CHECKING:
    import pyarrow as pa

_Convert = Callable[[Any], object]  # each takes what Arrow gives for its type


def to_rows(batch: "pa.RecordBatch", columns: Sequence[Column]) -> list[Row]:
    """The rows of a batch; maps are dictionaries, intervals of days and less are timedeltas."""
    values = [
        _converted(array.to_pylist(), parse_type(column.type))
        for array, column in zip(batch.columns, columns, strict=True)
    ]
    return list(zip(*values, strict=True))


def _converted(values: list[object], of_type: SqlType) -> list[object]:
    convert = _converter(of_type)
    if convert is None:
        return values
    return [None if value is None else convert(value) for value in values]


def _converter(of_type: SqlType) -> _Convert | None:
    """How values of this type become those of `core.sql.answers`; None: they are."""
    if of_type.name.startswith("interval"):
        return _to_timedelta
    inner = [_converter(part) for part in of_type.parts]
    if of_type.name == "map":
        return lambda pairs: _to_dictionary(pairs, inner)
    if of_type.name == "array" and inner[0] is not None:
        return lambda items: [_inside(item, inner[0]) for item in items]
    if of_type.name == "row" and any(inner):
        return lambda row: {
            name: _inside(value, convert)
            for (name, value), convert in zip(row.items(), inner, strict=True)
        }
    return None


def _to_dictionary(pairs: list[tuple[object, object]], inner: Sequence[_Convert | None]) -> object:
    """Arrow gives a map as a list of pairs."""
    of_key, of_value = inner
    return {_inside(key, of_key): _inside(value, of_value) for key, value in pairs}


def _inside(value: object, convert: _Convert | None) -> object:
    return value if value is None or convert is None else convert(value)


def _to_timedelta(value: Any) -> object:  # noqa: ANN401  Arrow's MonthDayNano
    if isinstance(value, str):  # rows that are kept have it as text: Parquet has no such type
        return value
    months, days, nanoseconds = value
    if months:
        return f"{months // 12}-{months % 12}"  # Trino's spelling of INTERVAL YEAR TO MONTH
    return timedelta(days=days, microseconds=nanoseconds // 1000)
