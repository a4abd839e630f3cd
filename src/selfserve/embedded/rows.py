"""Arrow's batches as rows of Python values."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from selfserve.core.sql.answers import Column, Row

if TYPE_CHECKING:
    import pyarrow as pa

_Convert = Callable[[object], object]


def to_rows(batch: "pa.RecordBatch", columns: Sequence[Column]) -> list[Row]:
    """The rows of a batch; maps are dictionaries, intervals of days and less are timedeltas."""
    values = [
        _converted(array.to_pylist(), column.type)
        for array, column in zip(batch.columns, columns, strict=True)
    ]
    return list(zip(*values, strict=True))


def _converted(values: list[object], of_type: str) -> list[object]:
    convert = _converter(of_type)
    if convert is None:
        return values
    return [None if value is None else convert(value) for value in values]


def _converter(of_type: str) -> _Convert | None:
    """How values of this type become those of `core.sql.answers`; None: they are."""
    if of_type.startswith("interval"):
        return _to_timedelta
    return _plain if "map(" in of_type else None


def _plain(value: object) -> object:
    """Arrow gives a map as a list of pairs; inside arrays and rows, too."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(pair, tuple) for pair in value):
            return {key: _plain(inner) for key, inner in value}
        return [_plain(inner) for inner in value]
    return value


def _to_timedelta(value: Any) -> object:  # noqa: ANN401  Arrow's MonthDayNano
    months, days, nanoseconds = value
    if months:
        return f"{months // 12}-{months % 12}"  # Trino's spelling of INTERVAL YEAR TO MONTH
    return timedelta(days=days, microseconds=nanoseconds // 1000)
