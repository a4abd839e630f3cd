"""A translated expression: DuckDB's text for it and Trino's type of it."""

from dataclasses import dataclass, replace

from selfserve.core.sql.translation.types import (
    FLOATS,
    INTEGERS,
    UNKNOWN,
    Type,
    common_type,
    duckdb_type,
)


@dataclass(frozen=True, slots=True)
class Value:
    """An expression in DuckDB's SQL; `sql` can stand as an operand without more brackets."""

    sql: str
    type: Type
    exact: bool = True
    """Whether DuckDB gives it the same type; else it must be cast before it is shown."""
    constant: int | str | float | None = None
    """The value of a literal."""


def quoted(name: str) -> str:
    """As an identifier."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """As a string."""
    return "'" + text.replace("'", "''") + "'"


def exactly(value: Value) -> Value:
    """The value with DuckDB's type made equal to Trino's."""
    if value.exact:
        return value
    return replace(value, sql=f"CAST({value.sql} AS {duckdb_type(value.type)})", exact=True)


def is_coercible(from_: Type, to: Type) -> bool:
    """Whether Trino would coerce without a CAST."""
    if to.base in FLOATS and from_.base in {*INTEGERS, "decimal", "real"}:
        return True
    if to.base == from_.base and to.base in {"varchar", "decimal", "timestamp"}:
        return True
    return common_type(from_, to) == to


def coerced(value: Value, to: Type) -> Value:
    """The value as Trino coerces it; the caller has seen that it does."""
    target = duckdb_type(to)
    if value.type == UNKNOWN:
        return Value(f"CAST(NULL AS {target})" if target else "NULL", to)
    if duckdb_type(value.type) == target:
        return replace(exactly(value), type=to)
    if value.type.base == "decimal" and value.constant is not None:
        # folding a literal twice over would hide it from the statistics of Parquet files
        return Value(f"CAST({value.constant} AS {target})", to)
    return Value(f"CAST({value.sql} AS {target})", to)
