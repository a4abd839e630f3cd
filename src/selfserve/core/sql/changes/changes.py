"""Statements that change the catalogue, in Trino's and Presto's dialects, as data. Pure.

Only what can be done in the same way here is understood; all else is refused by name.
Source: https://trino.io/docs/current/connector/hive.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.metadata import CATALOGS
from selfserve.core.sql.problems import UnsupportedHereError, sql_error
from selfserve.core.sql.tables import FileFormat, Table, TableColumn
from selfserve.core.sql.text.change_text import empty_items, query_of_create, query_of_insert
from selfserve.core.sql.text.tokens import TokenKind, error_at, scan

if TYPE_CHECKING:
    from sqlglot import exp

_FORMATS = {"PARQUET": FileFormat.PARQUET, "ORC": FileFormat.ORC, "JSON": FileFormat.JSON}
_FORMATS |= {"CSV": FileFormat.CSV}
_MANUAL = "See its syntax: https://trino.io/docs/current/sql.html"
_UNDERSTOOD = re.compile(
    r"\s*(CREATE\s+(OR\s+REPLACE\s+)?(TABLE|SCHEMA|VIEW)|INSERT\s+INTO|DROP\s+(TABLE|SCHEMA|VIEW))\s",
    re.IGNORECASE,
)
"""sqlglot warns on the terminal of what it does not know at all."""
_PROPERTIES = frozenset({"format", "external_location", "partitioned_by"})


@dataclass(frozen=True, slots=True)
class CreateSchema:
    """CREATE SCHEMA."""

    name: str
    location: str
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class CreateTable:
    """CREATE TABLE, of files that are there or to be filled; with `query`, from its rows."""

    table: Table
    is_external: bool
    if_not_exists: bool
    query: str | None = None
    """As the user wrote it, at the same lines and columns."""


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT INTO … of a query's rows."""

    schema: str
    name: str
    columns: tuple[str, ...]
    """Those that are given; empty for all, in their order."""
    query: str
    """As the user wrote it, at the same lines and columns."""


@dataclass(frozen=True, slots=True)
class Drop:
    """DROP TABLE, VIEW or SCHEMA."""

    kind: str
    schema: str
    name: str
    """Empty for a schema."""
    if_exists: bool


Change = CreateSchema | CreateTable | Insert | Drop


def parse_change(text: str, *, engine: Engine, schema: str) -> Change:
    """The change that a statement asks for.

    Raises:
        SqlError: the statement is wrong.
        UnsupportedHereError: the embedded engine cannot do it as the engine would.
    """
    import sqlglot  # noqa: PLC0415  200 ms
    from sqlglot import exp  # noqa: PLC0415

    if not _UNDERSTOOD.match(_without_comments(text, engine)):
        raise cannot(_without_comments(text, engine))
    for comma in empty_items(text, engine):
        raise error_at(text, comma, "something is missing after this comma", hint=_MANUAL)
    try:
        tree = sqlglot.parse_one(text, read=engine.value)
    except sqlglot.ParseError as error:
        place = error.errors[0] if error.errors else {}
        raise sql_error(
            f"this is not {engine.called}'s SQL: {place.get('description') or 'syntax error'}",
            text,
            line=place.get("line") or 1,
            column=max((place.get("col") or 1) - len(place.get("highlight") or "") + 1, 1),
            length=len(place.get("highlight") or "x"),
            hint=_MANUAL,
        ) from error
    statement = _Statement(tree, engine, schema, text)
    if isinstance(tree, exp.Create):
        return _create(statement)
    if isinstance(tree, exp.Insert):
        return _insert(statement)
    if isinstance(tree, exp.Drop):
        return _drop(statement)
    raise cannot(text)


def cannot(text: str, what: str | None = None) -> UnsupportedHereError:
    """The refusal of a statement, or of a part of it by name."""
    words = text.upper().split()[:2]
    shown = words[:1] if words[:1] in (["UPDATE"], ["WITH"]) else words
    return UnsupportedHereError(
        f"The embedded engine does not do {what or ' '.join(shown)}.",
        hint="Do it with Spark or Hive: selfserve sql -c spark-ml …; or with the engine itself: "
        "selfserve sql … --on aws",
    )


def _without_comments(text: str, engine: Engine) -> str:
    return "".join(
        " " if token.kind is TokenKind.COMMENT else token.text for token in scan(text, engine)
    )


@dataclass(frozen=True, slots=True)
class _Statement:
    tree: "exp.Expr"
    engine: Engine
    schema: str
    text: str

    def name_of(self, table: "exp.Table") -> tuple[str, str]:
        """Schema and name, both lower case."""
        if table.catalog and table.catalog.lower() not in CATALOGS:
            raise cannot("", f"tables of the catalog {table.catalog}")
        return (table.db or self.schema).lower(), table.name.lower()


def _create(statement: _Statement) -> Change:
    from sqlglot import exp  # noqa: PLC0415

    tree = statement.tree
    kind = tree.args.get("kind", "").upper()
    is_lenient = bool(tree.args.get("exists"))
    if tree.args.get("replace"):
        raise cannot("", f"CREATE OR REPLACE {kind}")
    if kind == "SCHEMA":
        properties = _properties(tree, known=("location",))
        name = tree.this.db or tree.this.name
        return CreateSchema(name.lower(), properties.get("location", ""), is_lenient)
    if kind != "TABLE":
        raise cannot("", f"CREATE {kind}")
    properties = _properties(tree, known=_PROPERTIES)
    target = tree.this if isinstance(tree.this, exp.Schema) else None
    schema, name = statement.name_of(target.this if target else tree.this)
    has_query = tree.expression is not None
    if has_query and (target or "partitioned_by" in properties):
        raise cannot("", "CREATE TABLE AS with names of columns or with partitions")
    columns = _columns(target.expressions) if target else ()
    if not has_query and not columns:
        raise cannot("", "CREATE TABLE … LIKE")
    return CreateTable(
        _table(schema, name, columns, properties),
        is_external="external_location" in properties,
        if_not_exists=is_lenient,
        query=query_of_create(statement.text, statement.engine) if has_query else None,
    )


def _table(
    schema: str, name: str, columns: tuple[TableColumn, ...], properties: Mapping[str, str]
) -> Table:
    keys = [key.lower() for key in properties.get("partitioned_by", "").split(",") if key]
    written = properties.get("format", "PARQUET").upper()
    if written not in _FORMATS:
        raise cannot("", f"tables of format {written}")
    parts = tuple(column for column in columns if column.name in keys)
    if columns and [part.name for part in parts] != keys:
        raise cannot("", f"partitioned_by {', '.join(keys)}: name the last columns, in their order")
    if written == "CSV" and any(column.type != "varchar" for column in columns):
        raise cannot("", "tables of format CSV with columns that are not varchar")
    return Table(
        schema=schema,
        name=name,
        columns=tuple(column for column in columns if column.name not in keys),
        partition_columns=parts,
        location=properties.get("external_location", "").rstrip("/"),
        format=_FORMATS[written],
    )


def _columns(definitions: "Iterable[exp.Expr]") -> tuple[TableColumn, ...]:
    from sqlglot import exp  # noqa: PLC0415

    columns = []
    for definition in definitions:
        if not isinstance(definition, exp.ColumnDef) or definition.kind is None:
            raise cannot("", "LIKE in a list of columns")
        if definition.args.get("constraints"):
            said = definition.args["constraints"][0].sql("trino")
            raise cannot("", f"columns with {said.upper() if said[0] != 'C' else 'COMMENT'}")
        columns.append(TableColumn(definition.name.lower(), _type(definition.kind)))
    return tuple(columns)


def _type(kind: "exp.Expr") -> str:
    from selfserve.core.sql.translation.types import parse_type  # noqa: PLC0415

    return str(parse_type(kind.sql("trino").lower()))


def _properties(tree: "exp.Expr", *, known: Iterable[str]) -> dict[str, str]:
    from sqlglot import exp  # noqa: PLC0415

    found: dict[str, str] = {}
    listed = tree.args.get("properties")
    for one in listed.expressions if listed else ():
        if isinstance(one, exp.FileFormatProperty):
            found["format"] = one.this.name
        elif isinstance(one, exp.LocationProperty):
            found["location"] = one.this.name
        elif isinstance(one, exp.PartitionedByProperty):
            found["partitioned_by"] = ",".join(item.name for item in one.this.expressions)
        elif isinstance(one, exp.SchemaCommentProperty):
            raise cannot("", "tables with COMMENT")
        elif isinstance(one, exp.WithDataProperty):
            raise cannot("", f"WITH {'NO ' if one.args.get('no') else ''}DATA")
        else:
            found[one.name.lower()] = _literal(one.args.get("value"))
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise cannot("", f"WITH ({unknown[0]} = …)")
    return found


def _literal(value: "exp.Expr | None") -> str:
    from sqlglot import exp  # noqa: PLC0415

    if isinstance(value, exp.Array):
        return ",".join(item.name for item in value.expressions)
    return value.name if value is not None else ""


def _insert(statement: _Statement) -> Change:
    from sqlglot import exp  # noqa: PLC0415

    tree = statement.tree
    is_listed = isinstance(tree.this, exp.Schema)
    schema, name = statement.name_of(tree.this.this if is_listed else tree.this)
    columns = tuple(c.name.lower() for c in tree.this.expressions) if is_listed else ()
    if tree.expression is None:
        raise cannot("", "INSERT without a query")
    return Insert(schema, name, columns, query_of_insert(statement.text, statement.engine))


def _drop(statement: _Statement) -> Change:
    tree = statement.tree
    kind, is_lenient = tree.args.get("kind", "").upper(), bool(tree.args.get("exists"))
    dropped = tree.args.get("tables") or []
    if kind not in {"TABLE", "VIEW", "SCHEMA"} or len(dropped) != 1:
        raise cannot("", f"DROP {kind}")
    if tree.args.get("cascade"):
        raise cannot("", f"DROP {kind} … CASCADE")
    if kind == "SCHEMA":
        return Drop(kind, (dropped[0].db or dropped[0].name).lower(), "", is_lenient)
    schema, name = statement.name_of(dropped[0])
    return Drop(kind, schema, name, is_lenient)
