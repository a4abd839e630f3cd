"""SHOW and DESCRIBE, answered from the catalogue as Trino answers them.

Pure but for the catalogue it is given. Source: https://trino.io/docs/current/sql.html
"""

import re
from collections.abc import Callable, Sequence

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.sql.answers import Column
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError, UnsupportedHereError
from selfserve.core.sql.results.fixed_answer import FixedAnswer
from selfserve.core.sql.tables import Table, TableCatalogue
from selfserve.core.sql.text.change_text import find_name
from selfserve.core.sql.text.tokens import TokenKind, error_at, scan

CATALOGS = ("hive", "awsdatacatalog")
"""Names under which the one catalogue is known, on EMR's Trino and in Athena."""

_NAME = r'(?:[\w$]+|"(?:[^"]|"")+"|`[^`]+`)'
_PATH = rf"(?P<path>{_NAME}(?:\s*\.\s*{_NAME}){{0,2}})"
_TEXT = "'(?:[^']|'')*'"
_LIKE = rf"(?:\s+LIKE\s+(?P<like>{_TEXT})(?:\s+ESCAPE\s+(?P<escape>{_TEXT}))?)?"
_IN = rf"(?:\s+(?:FROM|IN)\s+{_PATH})?"


def answer_metadata(text: str, catalogue: TableCatalogue, *, schema: str) -> FixedAnswer:
    """The answer to a SHOW or DESCRIBE statement.

    Raises:
        SqlError: there is no such schema or table.
        UnsupportedHereError: it is one that the embedded engine has no answer to.
    """
    shown = _without_comments(text)
    for pattern, answer in _STATEMENTS:
        match = re.fullmatch(rf"\s*{pattern}\s*;?\s*", shown, re.IGNORECASE | re.DOTALL)
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
    raise _unknown(
        text,
        name,
        f"there is no table {name} in schema {schema}"
        f"{did_you_mean(name, catalogue.tables(schema))}",
        hint=f'See what there is: selfserve sql "show tables from {schema}"',
    )


def _unknown(text: str, name: str, what: str, *, hint: str) -> SqlError:
    """The error that marks where `name` stands in `text`."""
    token = find_name(text, name)
    return error_at(text, token, what, hint=hint) if token else SqlError(what, hint=hint)


def _without_comments(text: str) -> str:
    """The text with blanks for comments, so that all else stays in its place."""
    return "".join(
        re.sub(r"[^\n]", " ", token.text) if token.kind is TokenKind.COMMENT else token.text
        for token in scan(text, Engine.TRINO)
    )


def _catalogs(match: re.Match[str], _catalogue: TableCatalogue, _schema: str) -> FixedAnswer:
    return _listed("Catalog", [CATALOGS[0]], match)


def _schemas(match: re.Match[str], catalogue: TableCatalogue, _schema: str) -> FixedAnswer:
    _refuse_other_catalog(match, _parts(match["catalog"] or ""))
    return _listed("Schema", catalogue.schemas(), match)


def _tables(match: re.Match[str], catalogue: TableCatalogue, schema: str) -> FixedAnswer:
    *catalog, wanted = _parts(match["path"]) if match["path"] else [schema]
    _refuse_other_catalog(match, catalog)
    known = catalogue.schemas()
    if wanted not in known:
        what = f"there is no schema {wanted}{did_you_mean(wanted, known)}"
        hint = 'See what there is: selfserve sql "show schemas"'
        raise _unknown(match.string, wanted, what, hint=hint)
    return _listed("Table", catalogue.tables(wanted), match)


def _columns(match: re.Match[str], catalogue: TableCatalogue, schema: str) -> FixedAnswer:
    *prefix, name = _parts(match["path"])
    _refuse_other_catalog(match, prefix[:-1])
    table = find_table(catalogue, prefix[-1] if prefix else schema, name, match.string)
    keys = {column.name for column in table.partition_columns}
    rows = [
        (column.name, column.type, "partition key" if column.name in keys else "", "")
        for column in table.all_columns
        if _is_liked(column.name, match)
    ]
    columns = (Column(name, "varchar") for name in ("Column", "Type", "Extra", "Comment"))
    return FixedAnswer(tuple(columns), tuple(rows))


def _parts(path: str) -> list[str]:
    return [
        part[1:-1].replace(part[0] * 2, part[0]).lower() if part[0] in '"`' else part.lower()
        for part in re.findall(_NAME, path)
    ]


def _refuse_other_catalog(match: re.Match[str], catalog: Sequence[str]) -> None:
    if catalog and catalog[0] not in CATALOGS:
        what = f"there is no catalog {catalog[0]}{did_you_mean(catalog[0], CATALOGS)}"
        hint = "Tables of the lake are in the catalog hive."
        raise _unknown(match.string, catalog[0], what, hint=hint)


def _listed(title: str, names: Sequence[str], match: re.Match[str]) -> FixedAnswer:
    rows = [(name,) for name in sorted(names) if _is_liked(name, match)]
    return FixedAnswer((Column(title, "varchar"),), tuple(rows))


def _is_liked(name: str, match: re.Match[str]) -> bool:
    """Whether a name is like the pattern of the statement, if that has one."""
    found = match.groupdict()
    if found.get("like") is None:
        return True
    pattern, escape = ((found[part] or "")[1:-1].replace("''", "'") for part in ("like", "escape"))
    signs = re.findall(rf"{re.escape(escape)}.|." if escape else ".", pattern, re.DOTALL)
    wanted = "".join(_WILD.get(sign, re.escape(sign[-1])) for sign in signs)
    return re.fullmatch(wanted, name, re.DOTALL) is not None


_WILD = {"%": ".*", "_": "."}
_Answer = Callable[[re.Match[str], TableCatalogue, str], FixedAnswer]
_STATEMENTS: tuple[tuple[str, _Answer], ...] = (
    (rf"SHOW\s+CATALOGS{_LIKE}", _catalogs),
    (
        rf"SHOW\s+(?:SCHEMAS|DATABASES)(?:\s+(?:FROM|IN)\s+(?P<catalog>{_NAME}))?{_LIKE}",
        _schemas,
    ),
    (rf"SHOW\s+TABLES{_IN}{_LIKE}", _tables),
    (rf"SHOW\s+COLUMNS\s+(?:FROM|IN)\s+{_PATH}{_LIKE}", _columns),
    (rf"DESC(?:RIBE)?\s+{_PATH}", _columns),
)
