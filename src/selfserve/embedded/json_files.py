"""Files with an object of JSON on each line as relations of DuckDB. Pure.

Names of fields count in any case, as in Hive's JsonSerDe and Trino; a field that is not there
is NULL; a value of another type is an error.
"""

import re
from collections.abc import Sequence

from selfserve.core.sql.results.sql_types import SqlType, parse_type
from selfserve.core.sql.tables import Table
from selfserve.embedded.types import quoted, text_literal, to_duckdb

_FIELDS = quoted("fields of the object")
_MEMBERS = "members"
_UPPER = r'[A-Z\\\x{80}-\x{10FFFF}][^"]*"\s*:|""\s*:'
"""What may be a name that is not in lower case, or is written with escapes."""
_SIMPLE = re.compile(r"[\w .$-]+")
"""A name that can stand in a path of JSON."""
_INTEGERS = frozenset({"tinyint", "smallint", "integer", "bigint"})


def json_source(table: Table, listed: str, options: Sequence[str]) -> tuple[str, list[str]]:
    """Where the rows come from, and the expressions of the table's columns."""
    read = ", ".join([listed, "format = 'newline_delimited'", *options])
    fields = f"* EXCLUDE json, {_fields(table)} AS {_FIELDS}"
    expressions = [
        f"{_value(f'{_FIELDS}[{index}]', parse_type(column.type), 0)} AS {quoted(column.name)}"
        for index, column in enumerate(table.columns, start=1)
    ]
    return f"(SELECT {fields} FROM read_json_objects({read}))", expressions


def _fields(table: Table) -> str:
    """The values of the columns, as JSON; names are lowered only where there is need to."""
    names = [column.name.lower() for column in table.columns]
    paths = ", ".join(text_literal(f"$.{quoted(name)}") for name in names)
    is_plain = (
        f"starts_with(ltrim(json), '{{') AND NOT regexp_matches(json, {text_literal(_UPPER)})"
    )
    picked = ", ".join(f"{_MEMBERS}[{text_literal(name)}]" for name in names)
    slowly = f"list_transform([{_lowered('json')}], lambda {_MEMBERS}: [{picked}])[1]"
    if not all(map(_SIMPLE.fullmatch, names)):
        return slowly
    return f"CASE WHEN {is_plain} THEN json_extract(json, [{paths}]) ELSE {slowly} END"


def _lowered(value: str) -> str:
    """The members of an object, by their names in lower case."""
    entries = f"map_entries(CAST({value} AS MAP(VARCHAR, JSON)))"
    lowered = f"list_transform({entries}, lambda e: {{'k': lower(e.key), 'v': e.value}})"
    return f"map_from_entries({lowered})"


def _value(value: str, wanted: SqlType, depth: int) -> str:
    """The expression of a value; `depth` keeps names of nested lambdas apart."""
    each = f"x{depth}"
    if wanted.name == "row":
        members = f"list_transform([{_lowered(value)}], lambda {each}: {_row(each, wanted, depth)})"
        is_null = f"coalesce(json_type({value}), 'NULL') = 'NULL'"
        return f"CASE WHEN {is_null} THEN NULL ELSE ({members})[1] END"
    if wanted.name == "array":
        item = _value(each, wanted.parts[0], depth + 1)
        return f"list_transform(CAST({value} AS JSON[]), lambda {each}: {item})"
    if wanted.name == "map":
        key = f"CAST({each}.key AS {_scalar(wanted.parts[0])})"
        item = f"{{'k': {key}, 'v': {_value(f'{each}.value', wanted.parts[1], depth + 1)}}}"
        entries = f"map_entries(CAST({value} AS MAP(VARCHAR, JSON)))"
        return f"map_from_entries(list_transform({entries}, lambda {each}: {item}))"
    if wanted.name in {"varchar", "char"}:
        return f"json_extract_string({value}, '$')"
    cast = f"CAST({value} AS {_scalar(wanted)})"
    if wanted.name not in _INTEGERS:
        return cast
    said = text_literal(f"a field is {wanted.name}, but the file has ")
    return f"CASE WHEN json_type({value}) = 'DOUBLE' THEN error({said} || {value}) ELSE {cast} END"


def _row(members: str, wanted: SqlType, depth: int) -> str:
    pairs = zip(wanted.fields, wanted.parts, strict=True)
    fields = (
        f"{quoted(name)} := {_value(f'{members}[{text_literal(name.lower())}]', part, depth + 1)}"
        for name, part in pairs
    )
    return f"struct_pack({', '.join(fields)})"


def _scalar(wanted: SqlType) -> str:
    digits = f"({','.join(map(str, wanted.numbers))})" if wanted.name == "decimal" else ""
    return to_duckdb(wanted.name + digits)
