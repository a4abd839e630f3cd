"""COPY statements whose files look as our own writers write them: see core/sql/results/csv_text.py.

DuckDB writes ten times as fast as Python, so all that it can write the same way is left to it.
It puts quotes around fields with a `#`, too, which to readers of CSV is the same.
"""

import re
from collections.abc import Sequence

from selfserve.core.sql.answers import Column
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.embedded.types import quoted, text_literal

_OPTIONS = {
    ResultFormat.CSV: "FORMAT csv, HEADER",
    ResultFormat.JSON: "FORMAT json, ARRAY true",
    ResultFormat.PARQUET: "FORMAT parquet, COMPRESSION snappy",
}
_DIGITS = re.compile(r"\((\d+)\)")
_OTHERWISE = ("STRUCT(", "MAP(", "INTERVAL", "FLOAT")
"""Types whose values DuckDB writes in another way, in text."""


_AS_TEXT = {
    (ResultFormat.CSV, "BLOB"): "lower(hex({0}))",
    (ResultFormat.JSON, "BLOB"): "base64({0})",
    (ResultFormat.JSON, "DECIMAL"): "CAST({0} AS VARCHAR)",
    (ResultFormat.JSON, "HUGEINT"): "CAST({0} AS VARCHAR)",
}


def can_copy(columns: Sequence[Column], types: Sequence[str], of: ResultFormat) -> bool:
    """Whether DuckDB's COPY writes such columns as we do; `types` are DuckDB's.

    It renames columns of one name in its own way, and writes nested values in its own.
    """
    if not columns or len({column.name.lower() for column in columns}) < len(columns):
        return False
    is_text = of is not ResultFormat.PARQUET
    return not (is_text and any(t.startswith(_OTHERWISE) or t.endswith("]") for t in types))


def copy_sql(
    sql: str, columns: Sequence[Column], types: Sequence[str], *, to: str, of: ResultFormat
) -> str:
    """The COPY that writes the rows of `sql` to `to`, under the names and types of `columns`."""
    inner = [f"c{index}" for index in range(len(columns))]
    selected = ", ".join(
        f"{_expression(name, of_type, column.type, of)} AS {quoted(column.name)}"
        for name, of_type, column in zip(inner, types, columns, strict=True)
    )
    source = f"SELECT {selected} FROM ({sql}) AS result({', '.join(inner)})"
    return f"COPY ({source}) TO {text_literal(to)} ({_OPTIONS[of]})"


def _expression(name: str, of_type: str, shown_type: str, of: ResultFormat) -> str:
    """The column, as text where DuckDB's own would differ from ours."""
    if of is ResultFormat.PARQUET:
        return name
    if of_type.startswith("TIMESTAMP"):
        zone = " || ' UTC'" if shown_type.endswith("with time zone") else ""
        return _with_digits(f"strftime({name}, '%Y-%m-%d %H:%M:%S.%f')", shown_type) + zone
    if of_type == "TIME":
        return _with_digits(f"strftime(DATE '2000-01-01' + {name}, '%H:%M:%S.%f')", shown_type)
    if of_type == "DOUBLE":
        return _double(name, of)
    of_type = of_type.partition("(")[0]
    return _AS_TEXT.get((of, of_type), "{0}").format(name)


def _with_digits(text: str, shown_type: str) -> str:
    """As many digits as the type has, and more only where the value has more."""
    found = _DIGITS.search(shown_type)
    least = int(found[1]) if found else 3
    zeros = f"regexp_replace({text}, '0{{0,{6 - min(least, 6)}}}$', '')"
    return f"rtrim({zeros}, '.')"


def _double(name: str, of: ResultFormat) -> str:
    """NaN and Infinity have other names with us, and in JSON they are text."""
    kinds = (f"isnan({name})", f"{name} = 'Infinity'", f"{name} = '-Infinity'")
    words = ("NaN", "Infinity", "-Infinity")
    as_json = of is ResultFormat.JSON
    values = [f"to_json('{word}')" if as_json else f"'{word}'" for word in words]
    plain = f"CAST({name} AS VARCHAR)"
    if as_json:
        plain = f"to_json({name})"
    cases = " ".join(f"WHEN {kind} THEN {value}" for kind, value in zip(kinds, values, strict=True))
    return f"CASE {cases} ELSE {plain} END"
