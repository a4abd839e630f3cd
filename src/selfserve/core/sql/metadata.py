"""SHOW and DESCRIBE, answered from the catalogue as Trino answers them.

Pure but for the catalogue it is given. Source: https://trino.io/docs/current/sql.html
"""

import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.sql.answers import Column
from selfserve.core.sql.fixed_answer import FixedAnswer
from selfserve.core.sql.problems import UnsupportedHereError, sql_error
from selfserve.core.sql.tables import Table, TableCatalogue

CATALOGS = ("hive", "awsdatacatalog")
"""Names under which the one catalogue is known, on EMR's Trino and in Athena."""

_NAME = r'(?:[\w$]+|"[^"]+"|`[^`]+`)'
_PATH = rf"(?P<path>{_NAME}(?:\s*\.\s*{_NAME}){{0,2}})"
_LIKE = r"(?:\s+LIKE\s+'(?P<like>(?:[^']|'')*)')?"
_IN = rf"(?:\s+(?:FROM|IN)\s+{_PATH})?"


def answer_metadata(text: str, catalogue: TableCatalogue, *, schema: str) -> FixedAnswer:
    """The answer to a SHOW or DESCRIBE statement.

    Raises:
        SqlError: there is no such schema or table.
        UnsupportedHereError: it is one that the embedded engine has no answer to.
    """
    shown = re.sub(r"/\*.*?\*/|--[^\n]*", " ", text, flags=re.DOTALL).strip()
    for pattern, answer in _STATEMENTS:
        match = re.fullmatch(pattern, shown, re.IGNORECASE | re.DOTALL)
        if match is not None:
            return answer(match, catalogue, schema)
    words = " ".join(shown.split()[:2]).upper()
    raise UnsupportedHereError(
        f"The embedded engine has no answer to {words}.",
        hint="It knows SHOW SCHEMAS, SHOW TABLES, SHOW COLUMNS and DESCRIBE; "
        "Trino itself knows more: selfserve sql … --on aws",
    )


def find_table(catalogue: TableCatalogue, schema: str, name: str, text: str) -> Table:
    """The table, or an error that marks its name in `text`.

    Raises:
        SqlError: there is none.
    """
    found = catalogue.find(schema, name)
    if found is not None:
        return found
    line, column = _place(text, name)
    raise sql_error(
        f"there is no table {name} in schema {schema}"
        f"{did_you_mean(name, catalogue.tables(schema))}",
        text,
        line=line,
        column=column,
        length=len(name),
        hint=f'See what there is: selfserve sql "show tables from {schema}"',
    )


def _place(text: str, name: str) -> tuple[int, int]:
    at = text.lower().find(name)
    before = text[: max(at, 0)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _catalogs(match: re.Match[str], _catalogue: TableCatalogue, _schema: str) -> FixedAnswer:
    return _listed("Catalog", ["hive"], match["like"])


def _schemas(match: re.Match[str], catalogue: TableCatalogue, _schema: str) -> FixedAnswer:
    return _listed("Schema", catalogue.schemas(), match["like"])


def _tables(match: re.Match[str], catalogue: TableCatalogue, schema: str) -> FixedAnswer:
    wanted = list(_parts(match["path"]))[-1] if match["path"] else schema
    known = catalogue.schemas()
    if wanted not in known:
        line, column = _place(match.string, wanted)
        raise sql_error(
            f"there is no schema {wanted}{did_you_mean(wanted, known)}",
            match.string,
            line=line,
            column=column,
            length=len(wanted),
            hint='See what there is: selfserve sql "show schemas"',
        )
    return _listed("Table", catalogue.tables(wanted), match["like"])


def _columns(match: re.Match[str], catalogue: TableCatalogue, schema: str) -> FixedAnswer:
    *prefix, name = _parts(match["path"])
    table = find_table(catalogue, prefix[-1] if prefix else schema, name, match.string)
    like = match.groupdict().get("like")
    keys = {column.name for column in table.partition_columns}
    rows = [
        (column.name, column.type, "partition key" if column.name in keys else "", "")
        for column in table.all_columns
        if like is None or _is_like(column.name, like)
    ]
    columns = (Column(name, "varchar") for name in ("Column", "Type", "Extra", "Comment"))
    return FixedAnswer(tuple(columns), tuple(rows))


def _parts(path: str) -> Iterator[str]:
    for part in re.findall(_NAME, path):
        yield part.strip('"`').lower()


def _listed(title: str, names: Sequence[str], like: str | None) -> FixedAnswer:
    rows = [(name,) for name in sorted(names) if like is None or _is_like(name, like)]
    return FixedAnswer((Column(title, "varchar"),), tuple(rows))


def _is_like(name: str, pattern: str) -> bool:
    glob = pattern.replace("''", "'").replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
    return fnmatch.fnmatchcase(name, glob.replace("%", "*").replace("_", "?"))


_Answer = Callable[[re.Match[str], TableCatalogue, str], FixedAnswer]
_STATEMENTS: tuple[tuple[str, _Answer], ...] = (
    (rf"SHOW\s+CATALOGS{_LIKE}", _catalogs),
    (rf"SHOW\s+(?:SCHEMAS|DATABASES)(?:\s+(?:FROM|IN)\s+{_NAME})?{_LIKE}", _schemas),
    (rf"SHOW\s+TABLES{_IN}{_LIKE}", _tables),
    (rf"SHOW\s+COLUMNS\s+(?:FROM|IN)\s+{_PATH}{_LIKE}", _columns),
    (rf"DESC(?:RIBE)?\s+{_PATH}", _columns),
)
