"""Names and types of a result, and what of it Parquet cannot hold."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, functions
from pyspark.sql.types import DataType, NullType

_AS_TEXT = ("interval", "variant")  # beginnings of names of types
_KEPT = "interval day"  # which Parquet has as microseconds


def describe(frame: DataFrame) -> list[dict[str, str]]:
    """Name and type of each column, in Spark's own spelling."""
    return [
        {"name": field.name, "type": field.dataType.simpleString()} for field in frame.schema.fields
    ]


def as_parquet(frame: DataFrame) -> DataFrame:
    """The same rows as columns c0, c1, …: names of a result may be missing, or there twice."""
    kinds = [field.dataType for field in frame.schema.fields]
    renamed = frame.toDF(*(f"c{index}" for index in range(len(kinds))))
    columns = [_storable(renamed[f"c{index}"], kind) for index, kind in enumerate(kinds)]
    return renamed.select(*columns)


def _storable(column: Column, kind: DataType) -> Column:
    """The column as something that Parquet has; other types become text."""
    name = kind.simpleString()
    if isinstance(kind, NullType) or (name.startswith(_AS_TEXT) and not _is_kept(name)):
        return column.cast("string")
    if "void" in name:  # inside of an array, say: of an empty one, nobody knows the type
        return functions.to_json(column)
    return column


def _is_kept(name: str) -> bool:
    return name.startswith((_KEPT, "interval hour", "interval minute", "interval second"))
