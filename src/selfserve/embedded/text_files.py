"""Text files as relations of DuckDB, read as Hive's and Spark's readers do. Pure.

A line is read as a whole and cut here: DuckDB's own reader of CSV knows other rules for
quotes and escapes, and takes text such as `1.7`, `yes` or `infinity` for values that it is
not in Hive. Blank lines are left out.

Sources: LazySimpleSerDe with its Lazy… classes and OpenCSVSerde of Hive 2.3; the manual of
Spark's CSV source: https://spark.apache.org/docs/latest/sql-data-sources-csv.html
"""

import re
from collections.abc import Sequence
from enum import StrEnum

from selfserve.core.sql.problems import UnsupportedHereError
from selfserve.core.sql.tables import FileFormat, Table, TableColumn, TextOptions
from selfserve.embedded.types import quoted, text_literal, to_duckdb

LINE = "line of the file"
FIELDS = "fields of the line"
_NEVER = "\x1e\x1f\x1e\x1f"
"""A delimiter that is in no file, so that lines stay whole."""
_NO_TEXT = "\x1d"
"""What stands for NULL to the reader of lines, which have none."""
_LONGEST_LINE = 16_000_000
_PACKED = (".bz2", ".snappy", ".lz4", ".lzo", ".deflate", ".xz", ".zip")
"""What Hadoop unpacks and DuckDB takes as it is."""
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_DAY = r"\d{4}-\d{1,2}-\d{1,2}"
_PATTERNS = {
    "FLOAT": rf"{_NUMBER}|[+-]?(NaN|Infinity)",
    "DOUBLE": rf"{_NUMBER}|[+-]?(NaN|Infinity)",
    "DECIMAL": _NUMBER,
    "BOOLEAN": "(?i)true|false",
    "DATE": _DAY,
    "TIMESTAMP": rf"{_DAY} \d{{1,2}}:\d{{1,2}}:\d{{1,2}}(\.\d{{1,9}})?",
}


class _Kind(StrEnum):
    """Whose rules the files follow."""

    LAZY = "lazy"
    OPEN_CSV = "open csv"
    SPARK = "spark"


def refuse_packed(table: Table, paths: Sequence[str]) -> None:
    """Raises UnsupportedHereError for text that is packed in a way that DuckDB does not know."""
    if table.format not in {FileFormat.CSV, FileFormat.JSON}:
        return
    packed = next((path for path in paths if path.lower().endswith(_PACKED)), None)
    if packed is not None:
        raise UnsupportedHereError(
            f"Table {table.full_name}: the embedded engine does not unpack {packed}.",
            hint="It unpacks .gz and .zst; query this one on AWS: selfserve sql … --on aws",
        )


def csv_source(table: Table, listed: str, options: Sequence[str]) -> tuple[str, list[str]]:
    """Where the rows of text files come from, and the expressions of the table's columns."""
    text = table.text
    if len(text.delimiter) != 1 and (text.quote or text.escape):
        raise UnsupportedHereError(
            f"Table {table.full_name}: the embedded engine does not read fields between "
            f"{text.delimiter!r}.",
            hint="Query it on AWS: selfserve sql … --on aws",
        )
    read = ", ".join(
        [
            listed,
            "auto_detect = false",
            "header = false",
            f"skip = {text.header_lines}",
            f"delim = {text_literal(_NEVER)}",
            "quote = ''",
            "escape = ''",
            "comment = ''",
            f"nullstr = {text_literal(_NO_TEXT)}",
            "strict_mode = false",  # which lets lines end in both ways in one file
            f"max_line_size = {_LONGEST_LINE}",
            f"columns = {{{text_literal(LINE)}: 'VARCHAR'}}",
            *options,
        ]
    )
    fields = f"* EXCLUDE {quoted(LINE)}, {_fields(table)} AS {quoted(FIELDS)}"
    kind = _kind_of(text)
    expressions = [
        f"{_value(column, _raw(text, kind, index), kind)} AS {quoted(column.name)}"
        for index, column in enumerate(table.columns, start=1)
    ]
    return f"(SELECT {fields} FROM read_csv({read}))", expressions


def _kind_of(text: TextOptions) -> _Kind:
    if not text.quote:
        return _Kind.LAZY
    return _Kind.OPEN_CSV if text.null_text is None else _Kind.SPARK


def _fields(table: Table) -> str:
    """The line, cut into raw fields; one that cannot be cut is an error."""
    text, line = table.text, quoted(LINE)
    plain = f"string_split({line}, {text_literal(text.delimiter)})"
    signs = [sign for sign in (text.quote, text.escape) if sign]
    if not signs:
        return plain
    has_signs = " OR ".join(f"contains({line}, {text_literal(sign)})" for sign in signs)
    field, end = _field_pattern(text), _sign(text.delimiter)
    whole = f"{line} || {text_literal(text.delimiter)}"
    line_pattern, field_pattern = f"(?:(?:{field}){end})*", f"({field}){end}"
    is_right = f"regexp_full_match({whole}, {text_literal(line_pattern)})"
    cut = f"regexp_extract_all({whole}, {text_literal(field_pattern)}, 1)"
    said = text_literal(f"this line of table {table.full_name} cannot be cut into fields: ")
    wrong = f"error({said} || left({line}, 200))"
    return f"CASE WHEN NOT ({has_signs}) THEN {plain} WHEN {is_right} THEN {cut} ELSE {wrong} END"


def _field_pattern(text: TextOptions) -> str:
    end, quote, escape = map(_sign, (text.delimiter, text.quote, text.escape))
    kind = _kind_of(text)
    if kind is _Kind.LAZY:
        return f"(?:[^{end}{escape}]|{escape}.)*"
    if text.escape in {"", text.quote}:
        return f"{quote}(?:[^{quote}]|{quote}{quote})*{quote}|[^{end}{quote}]*"
    doubled, before = (f"|{quote}{quote}", r"\s*") if kind is _Kind.OPEN_CSV else ("", "")
    inside = f"(?:[^{quote}{escape}]{doubled}|{escape}.)*"
    return f"{before}{quote}{inside}{quote}|[^{end}{quote}]*"


def _sign(character: str) -> str:
    """For a regular expression, in brackets and outside."""
    return f"\\x{{{ord(character):x}}}" if character else ""


def _raw(text: TextOptions, kind: _Kind, index: int) -> str:
    """The text of a field, or NULL."""
    raw = f"{quoted(FIELDS)}[{index}]"
    quote, escape = _sign(text.quote), _sign(text.escape)
    shown = raw
    if kind is _Kind.LAZY and escape:
        shown = _replaced(raw, f"{escape}(.)", r"\1")
    if kind is not _Kind.LAZY:
        between = rf"^\s*{quote}(.*){quote}$"
        inside = f"regexp_extract({raw}, {text_literal(between)}, 1)"
        escaped = f"{escape}(.)" if kind is _Kind.OPEN_CSV else f"{escape}([{quote}{escape}])"
        unquoted = _replaced(inside, f"{quote}({quote})|{escaped}", r"\1\2")
        outside = f"replace({raw}, {text_literal(text.escape)}, '')"
        plain = outside if kind is _Kind.OPEN_CSV else _unless_null(raw, text)
        has_quote = f"contains({raw}, {text_literal(text.quote)})"
        return f"CASE WHEN {has_quote} THEN {unquoted} ELSE {plain} END"
    return f"CASE WHEN {raw} = {text_literal(text.null_text or '')} THEN NULL ELSE {shown} END"


def _unless_null(raw: str, text: TextOptions) -> str:
    return f"nullif({raw}, {text_literal(text.null_text or '')})"


def _replaced(value: str, pattern: str, by: str) -> str:
    return f"regexp_replace({value}, {text_literal(pattern)}, {text_literal(by)}, 'g')"


def _value(column: TableColumn, raw: str, kind: _Kind) -> str:
    """The value of a column; text that is none is NULL, as in Hive, Spark and Trino."""
    wanted = to_duckdb(column.type)
    if wanted == "VARCHAR":
        length = re.fullmatch(r"(?:var)?char\((\d+)\)", column.type)
        return f"left({raw}, {length[1]})" if length and kind is not _Kind.SPARK else raw
    if wanted in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT"}:
        return f"TRY_CAST({_integer(raw, kind)} AS {wanted})"
    pattern = _PATTERNS.get(wanted.partition("(")[0])
    if pattern is None:
        raise UnsupportedHereError(
            f"The embedded engine does not read {column.type} from text files.",
            hint="Query it on AWS: selfserve sql … --on aws",
        )
    is_value = f"regexp_full_match({raw}, {text_literal(pattern)})"
    return f"TRY_CAST(CASE WHEN {is_value} THEN {raw} END AS {wanted})"


def _integer(raw: str, kind: _Kind) -> str:
    """Hive leaves off what comes after a point; Spark takes such text for no whole number."""
    point = r"(?:\.\d*)?" if kind is _Kind.LAZY else ""
    pattern = rf"^([+-]?\d+){point}$"
    return f"nullif(regexp_extract({raw}, {text_literal(pattern)}, 1), '')"
