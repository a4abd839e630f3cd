"""DuckDB's names of types, and Trino's. Pure.

Source: https://duckdb.org/docs/sql/data_types/overview
and https://trino.io/docs/current/language/types.html
"""

import re

_TO_TRINO = {
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "decimal(38,0)",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "decimal(20,0)",
    "FLOAT": "real",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "VARCHAR": "varchar",
    "BLOB": "varbinary",
    "DATE": "date",
    "TIME": "time(6)",
    "TIMESTAMP": "timestamp(6)",
    "TIMESTAMP_S": "timestamp(0)",
    "TIMESTAMP_MS": "timestamp(3)",
    "TIMESTAMP_NS": "timestamp(9)",
    "TIMESTAMP WITH TIME ZONE": "timestamp(6) with time zone",
    "INTERVAL": "interval day to second",
    "UUID": "uuid",
    "JSON": "json",
    '"NULL"': "unknown",
    "NULL": "unknown",
}
_TO_DUCKDB = {
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "varbinary": "BLOB",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "uuid": "UUID",
    "json": "JSON",
}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)", re.IGNORECASE)
_GLOB_SIGNS = re.compile(r"[*?\[]")
_PARAMETRIZED = re.compile(r"([a-z]+)(?:\((.*)\))?( with time zone)?", re.DOTALL)


def to_trino(duckdb_type: str) -> str:
    """`DECIMAL(12,2)[]` is `array(decimal(12,2))`."""
    if duckdb_type.endswith("[]"):
        return f"array({to_trino(duckdb_type[:-2])})"
    if decimal := _DECIMAL.fullmatch(duckdb_type):
        return f"decimal({decimal[1]},{decimal[2]})"
    kind, _, rest = duckdb_type.partition("(")
    if kind == "STRUCT":
        fields = (part.partition(" ") for part in split_outside(rest[:-1]))
        inner = ", ".join(f"{name.strip(chr(34))} {to_trino(of)}" for name, _, of in fields)
        return f"row({inner})"
    if kind == "MAP":
        key, value = split_outside(rest[:-1])
        return f"map({to_trino(key)}, {to_trino(value)})"
    return _TO_TRINO.get(duckdb_type, duckdb_type.lower())


def to_duckdb(trino_type: str) -> str:
    """`array(varchar)` is `VARCHAR[]`. Raises ValueError for a type that DuckDB has not."""
    match = _PARAMETRIZED.fullmatch(trino_type)
    if match is None:
        raise ValueError(f"{trino_type!r} is not a type")
    kind, inner, zone = match[1], match[2] or "", match[3]
    if kind == "array":
        return f"{to_duckdb(inner)}[]"
    if kind == "map":
        key, value = split_outside(inner)
        return f"MAP({to_duckdb(key)}, {to_duckdb(value)})"
    if kind == "row":
        fields = (part.partition(" ") for part in split_outside(inner))
        return f"STRUCT({', '.join(f'{quoted(name)} {to_duckdb(of)}' for name, _, of in fields)})"
    if kind == "decimal":
        return f"DECIMAL({inner or '38,0'})"
    if kind == "timestamp" and zone:
        return "TIMESTAMP WITH TIME ZONE"
    if kind not in _TO_DUCKDB:
        raise ValueError(f"the embedded engine has no type {trino_type}")
    return _TO_DUCKDB[kind]


def quoted(name: str) -> str:
    """An identifier between double quotes."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def text_literal(text: str) -> str:
    """A string between single quotes."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def path_literal(path: str) -> str:
    """A path as DuckDB's readers take it: its `*`, `?` and `[` stand for themselves."""
    return text_literal(_GLOB_SIGNS.sub(r"[\g<0>]", path))


def split_outside(text: str) -> list[str]:
    """Split at commas that stand in no brackets and no quotes."""
    parts, depth, start, is_quoted = [], 0, 0, False
    for position, character in enumerate(text):
        if character == '"':
            is_quoted = not is_quoted
        elif not is_quoted:
            depth += (character in "([") - (character in ")]")
            if character == "," and depth == 0:
                parts.append(text[start:position].strip())
                start = position + 1
    return [*parts, text[start:].strip()]
