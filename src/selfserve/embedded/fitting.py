"""Whether a column of a file can be read as its table's, as Trino would. Pure.

Trino refuses a file whose column is of another kind than the table says; DuckDB would
convert it, and give another answer.
"""

from selfserve.core.sql.results.sql_types import SqlType, parse_type
from selfserve.core.sql.tables import Table, TableColumn
from selfserve.embedded.types import quoted, to_duckdb
from selfserve.errors import BadInputError

_KINDS = (
    frozenset({"tinyint", "smallint", "integer", "bigint"}),
    frozenset({"real", "double"}),
    frozenset({"timestamp", "timestamp with time zone"}),
    frozenset({"varchar", "char", "varbinary"}),
)
_NESTED = frozenset({"array", "map", "row"})


def fits(found: str, wanted: str) -> bool:
    """Whether a type of a file fits a type of a table; both are Trino's."""
    return _fits(parse_type(found), parse_type(wanted))


def _fits(found: SqlType, wanted: SqlType) -> bool:
    if wanted.name == "row" and found.name == "row":
        parts = {name.lower(): part for name, part in zip(found.fields, found.parts, strict=True)}
        pairs = zip(wanted.fields, wanted.parts, strict=True)
        return all(_fits(parts.get(name.lower(), part), part) for name, part in pairs)
    if wanted.name in _NESTED:
        return found.name == wanted.name and all(map(_fits, found.parts, wanted.parts))
    if wanted.name == "decimal" and found.name == "decimal":
        (precision, scale), (most, wanted_scale) = _digits(found), _digits(wanted)
        return precision - scale <= most - wanted_scale and scale <= wanted_scale
    return found.name == wanted.name or any(
        found.name in kind and wanted.name in kind for kind in _KINDS
    )


def _digits(decimal: SqlType) -> tuple[int, int]:
    precision, scale = (*decimal.numbers, 0)[:2] if decimal.numbers else (38, 0)
    return precision, scale


def refuse_misfit(table: Table, column: TableColumn, found: str, path: str) -> None:
    """Raises BadInputError if the file's column, of this Trino type, cannot be the table's."""
    if not fits(found, column.type):
        raise BadInputError(
            f"Table {table.full_name}: column {column.name} is {column.type}, but {found} "
            f"in {path}.",
            hint="Files of two schemas are in one folder: move that file to a folder, and "
            "a table, of its own.",
        )


def converted(column: TableColumn, found: str, *, name: str) -> str:
    """The expression that makes the file's column `name`, of DuckDB's type `found`, the table's."""
    wanted, own = to_duckdb(column.type), quoted(name)
    if found == wanted:
        return own if name == column.name else f"{own} AS {quoted(column.name)}"
    if found == "BLOB" and wanted == "VARCHAR":  # a cast would write bytes as \xFF
        value = f"decode({own})"
    elif found == "VARCHAR" and wanted == "BLOB":
        value = f"encode({own})"
    else:
        value = f"CAST({own} AS {wanted})"
    return f"{value} AS {quoted(column.name)}"


def missing(column: TableColumn) -> str:
    """The expression of a column that a file lacks."""
    return f"CAST(NULL AS {to_duckdb(column.type)}) AS {quoted(column.name)}"
