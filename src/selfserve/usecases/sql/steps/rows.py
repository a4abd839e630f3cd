"""Read the rows of a result that Hive or Spark has written as Parquet: some at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.hive.types import row_field
from selfserve.core.sql.results.zones import parse_zone
from selfserve.core.sql.steps.order import in_order
from selfserve.errors import BadInputError
from selfserve.usecases.targets.target import Target

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS = 8192
_BUFFER_BYTES = 1 << 20

_TYPES = {
    "bool": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "integer",
    "int64": "bigint",
    "float": "real",
    "string": "varchar",
    "binary": "varbinary",
    "date32[day]": "date",
    "null": "unknown",
}

Convert = Callable[[object], object]


class StoredRows:
    """The Parquet files below one prefix of a target's bucket, in the order of their rows."""

    def __init__(self, target: Target, prefix: str) -> None:
        self._target = target
        self._keys = in_order(target.store.list_keys(prefix))

    @property
    def has_files(self) -> bool:
        """Whether there is one at all; a result without rows has one, with its columns."""
        return bool(self._keys)

    def columns(self, names: Sequence[str] | None) -> tuple[Column, ...]:
        """Of the first file, under these names or its own."""
        with self._open(self._keys[0]) as file:
            schema = file.schema_arrow
        return tuple(
            Column(name, type_of(field.type))
            for name, field in zip(names or schema.names, schema, strict=True)
        )

    def count(self) -> int | None:
        """How many rows there are, if to tell that needs no download."""
        if not self._target.is_local:
            return None
        total = 0
        for key in self._keys:
            with self._open(key) as file:
                total += file.metadata.num_rows
        return total

    def batches(self, columns: Sequence[Column], time_zone: str) -> Iterator[Sequence[Row]]:
        """All rows as `columns`; times that have a zone become those of `time_zone`, without it."""
        zone = parse_zone(time_zone)
        for key in self._keys:
            with self._open(key) as file:
                converts = [
                    _converter(field.type, column.type, zone)
                    for field, column in zip(file.schema_arrow, columns, strict=True)
                ]
                for batch in file.iter_batches(batch_size=_ROWS):
                    values = map(_to_values, batch.columns, converts)
                    yield list(zip(*values, strict=True))

    @contextmanager
    def _open(self, key: str) -> "Iterator[pq.ParquetFile]":
        """One file; what must be fetched for it is removed afterwards."""
        import pyarrow.parquet as pq

        with TemporaryDirectory(prefix="selfserve-") as folder:
            path = self._path_of(key, Path(folder))
            with pq.ParquetFile(
                path,
                coerce_int96_timestamp_unit="us",
                buffer_size=_BUFFER_BYTES,
                pre_buffer=False,
            ) as file:
                yield file

    def _path_of(self, key: str, folder: Path) -> Path:
        if self._target.is_local and self._target.state:
            from selfserve.local.home import Home

            return Home(Path(self._target.state)).lake / self._target.bucket / key
        path = folder / "part.parquet"
        try:
            is_there = self._target.store.get_file(key, path)
        except OSError as error:
            raise BadInputError(
                f"A part of the result does not fit into {folder.parent}: {error.strerror}.",
                hint="Free some space, or use another folder: export TMPDIR=/path",
            ) from error
        if not is_there:
            raise _gone(self._target, key)
        return path


def type_of(kind: "pa.DataType") -> str:
    """Trino's spelling of what a Parquet file says of a column."""
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp(6)"
    if pa.types.is_map(kind):
        return f"map({type_of(kind.key_type)}, {type_of(kind.item_type)})"
    if pa.types.is_list(kind):
        return f"array({type_of(kind.value_type)})"
    if pa.types.is_struct(kind):
        fields = (row_field(field.name, type_of(field.type)) for field in kind)
        return f"row({', '.join(fields)})"
    return _TYPES.get(str(kind), str(kind))


def _gone(target: Target, key: str) -> BadInputError:
    return BadInputError(
        f"The result is no longer there: s3://{target.bucket}/{key} was removed.",
        hint="Run the query again: selfserve sql --again",
    )


def _to_values(array: "pa.Array", convert: Convert | None) -> list[object]:
    values: list[object] = array.to_pylist()
    return values if convert is None else [convert(value) for value in values]


def _converter(kind: "pa.DataType", type_name: str, zone: tzinfo) -> Convert | None:
    """What makes of pyarrow's values those of answers; None where they are the same."""
    import pyarrow as pa

    if type_name.startswith("interval") and pa.types.is_integer(kind):
        return lambda value: None if value is None else timedelta(microseconds=value)  # type: ignore[arg-type]
    return _of_type(kind, zone)


def _of_type(kind: "pa.DataType", zone: tzinfo) -> Convert | None:
    import pyarrow as pa

    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return lambda value: _in_zone(value, zone)
    if pa.types.is_map(kind):
        return _of_map(_of_type(kind.key_type, zone), _of_type(kind.item_type, zone))
    if pa.types.is_list(kind):
        return _of_list(_of_type(kind.value_type, zone))
    if pa.types.is_struct(kind):
        return _of_struct({field.name: _of_type(field.type, zone) for field in kind})
    return None


def _in_zone(value: object, zone: tzinfo) -> object:
    return value.astimezone(zone).replace(tzinfo=None) if isinstance(value, datetime) else value


def _of_map(key: Convert | None, item: Convert | None) -> Convert:
    def convert(value: object) -> object:
        if not isinstance(value, list):
            return value
        return {_apply(key, name): _apply(item, one) for name, one in value}

    return convert


def _of_list(item: Convert | None) -> Convert | None:
    if item is None:
        return None
    return lambda value: [item(one) for one in value] if isinstance(value, list) else value


def _of_struct(fields: dict[str, Convert | None]) -> Convert | None:
    if not any(fields.values()):
        return None

    def convert(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: _apply(fields.get(name), one) for name, one in value.items()}

    return convert


def _apply(convert: Convert | None, value: object) -> object:
    return value if convert is None else convert(value)
