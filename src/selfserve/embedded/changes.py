"""Carry out statements that change the catalogue: tables of Parquet files, made and filled."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from selfserve.core.sql.answers import Column
from selfserve.core.sql.changes import Change, CreateSchema, CreateTable, Drop, Insert, cannot
from selfserve.core.sql.fixed_answer import FixedAnswer
from selfserve.core.sql.metadata import find_table
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.tables import FileFormat, Table, TableCatalogue, TableColumn
from selfserve.embedded.engine import Engine
from selfserve.embedded.errors import engine_errors
from selfserve.embedded.prepared import Prepared
from selfserve.embedded.types import quoted, text_literal, to_duckdb
from selfserve.errors import BadInputError, NotFoundError

_DONE = FixedAnswer((Column("result", "boolean"),), ((True,),))


class CatalogueWriter(TableCatalogue, Protocol):
    """A catalogue that can be changed. Raises only `SelfserveError`s."""

    def schema_location(self, schema: str) -> str | None:
        """The folder of a schema as s3://…; None if there is no such schema."""

    def create_schema(self, name: str, location: str = "") -> None:
        """Raises BadInputError if it is there."""

    def drop_schema(self, name: str) -> None:
        """Raises NotFoundError; BadInputError if it has tables."""

    def create_table(self, table: Table, *, is_managed: bool = True) -> None:
        """Raises NotFoundError for the schema; BadInputError if the table is there."""

    def drop_table(self, schema: str, name: str) -> None:
        """Raises NotFoundError."""


class Changes:
    """Changes a catalogue and the files of its tables."""

    def __init__(
        self,
        engine: Engine,
        catalogue: CatalogueWriter,
        *,
        to_folder: Callable[[str], Path],
        prepare: Callable[[SqlRequest], Prepared],
    ) -> None:
        """`to_folder`: the folder behind an s3:// URI; `prepare`: see `EmbeddedSql.prepare`."""
        self._engine = engine
        self._catalogue = catalogue
        self._to_folder = to_folder
        self._prepare = prepare

    def carry_out(self, change: Change, request: SqlRequest) -> FixedAnswer:
        """Do it; the answer is that of Trino.

        Raises:
            SqlError: a table is not there.
            UnsupportedHereError: it cannot be done as the engine would.
        """
        if isinstance(change, CreateSchema):
            if not (change.if_not_exists and change.name in self._catalogue.schemas()):
                self._catalogue.create_schema(change.name, change.location)
            return _DONE
        if isinstance(change, Drop):
            return self._drop(change, request)
        if isinstance(change, Insert):
            return self._insert(change, request)
        return self._create(change, request)

    def _create(self, change: CreateTable, request: SqlRequest) -> FixedAnswer:
        if self._catalogue.find(change.table.schema, change.table.name) is not None:
            if change.if_not_exists:
                return _counted(0) if change.query else _DONE
            raise BadInputError(
                f"Table {change.table.full_name} is there already.",
                hint=f'Drop it first: selfserve sql "drop table {change.table.full_name}"',
            )
        if change.query is None:
            table = self._located(change.table)
            self._catalogue.create_table(table, is_managed=not change.is_external)
            return _DONE
        return self._create_from(change, change.query, request)

    def _create_from(self, change: CreateTable, text: str, request: SqlRequest) -> FixedAnswer:
        if change.table.format is not FileFormat.PARQUET:
            raise cannot("", f"CREATE TABLE AS with the format {change.table.format.upper()}")
        if change.table.partition_columns or change.table.columns:
            raise cannot("", "CREATE TABLE AS with columns or partitions")
        query = self._prepare(replace(request, text=text))
        columns = self._columns_of(query)
        table = self._located(replace(change.table, columns=columns))
        rows = self._write(query, table)
        self._catalogue.create_table(table, is_managed=not change.is_external)
        return _counted(rows)

    def _insert(self, change: Insert, request: SqlRequest) -> FixedAnswer:
        table = find_table(self._catalogue, change.schema, change.name, request.text)
        if table.view is not None or table.format is not FileFormat.PARQUET:
            raise cannot("", f"INSERT INTO {table.full_name}, which is no table of Parquet files")
        if table.partition_columns:
            raise cannot("", f"INSERT INTO {table.full_name}, which has partitions")
        query = self._prepare(replace(request, text=change.query))
        given = change.columns or tuple(column.name for column in table.columns)
        found = self._columns_of(query)
        _refuse_misfit(table, given, found)
        return _counted(self._write(query, table, given=given))

    def _drop(self, change: Drop, request: SqlRequest) -> FixedAnswer:
        try:
            if change.kind == "SCHEMA":
                self._catalogue.drop_schema(change.schema)
                return _DONE
            if not change.if_exists:
                find_table(self._catalogue, change.schema, change.name, request.text)
            self._catalogue.drop_table(change.schema, change.name)
        except NotFoundError:
            if not change.if_exists:
                raise
        return _DONE

    def _located(self, table: Table) -> Table:
        if table.location:
            return table
        folder = self._catalogue.schema_location(table.schema)
        if folder is None:
            raise NotFoundError(
                f"There is no schema {table.schema}.",
                hint=f'Make it: selfserve sql "create schema {table.schema}"',
            )
        return replace(table, location=f"{folder.rstrip('/')}/{table.name}")

    def _columns_of(self, query: Prepared) -> tuple[TableColumn, ...]:
        with self._engine.connection(query.tables) as cursor, engine_errors():
            rows = cursor.execute(f"DESCRIBE {query.sql}", dict(query.values) or None).fetchall()
        columns = query.columns_of([(row[0], row[1]) for row in rows])
        return tuple(TableColumn(column.name.lower(), column.type) for column in columns)

    def _write(self, query: Prepared, table: Table, *, given: Sequence[str] = ()) -> int:
        """Write the rows as one file of the table: hidden until it is whole."""
        folder = self._to_folder(table.location)
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{token_hex(8)}.part"
        inner = [f"c{index}" for index in range(len(given or table.columns))]
        by_name = dict(zip(given or [c.name for c in table.columns], inner, strict=True))
        columns = ", ".join(
            f"CAST({by_name.get(c.name, 'NULL')} AS {to_duckdb(c.type)}) AS {quoted(c.name)}"
            for c in table.columns
        )
        source = f"SELECT {columns} FROM ({query.sql}) AS given({', '.join(inner)})"
        sql = f"COPY ({source}) TO {text_literal(str(draft))} (FORMAT parquet)"
        try:
            with self._engine.connection(query.tables) as cursor, engine_errors():
                counted = cursor.execute(sql, dict(query.values) or None).fetchone()
            rows = int(counted[0]) if counted else 0
            if rows:
                draft.rename(folder / f"{token_hex(8)}.parquet")
            return rows
        finally:
            draft.unlink(missing_ok=True)


def _counted(rows: int) -> FixedAnswer:
    return FixedAnswer((Column("rows", "bigint"),), ((rows,),))


def _refuse_misfit(table: Table, given: Sequence[str], found: Sequence[TableColumn]) -> None:
    known = {column.name: column.type for column in table.columns}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadInputError(
            f"Table {table.full_name} has no column {unknown[0]}.",
            hint=f'See its columns: selfserve sql "describe {table.full_name}"',
        )
    if len(given) != len(found):
        raise BadInputError(
            f"The query gives {len(found)} columns, and {len(given)} of {table.full_name} "
            "are to be filled.",
            hint=f'See its columns: selfserve sql "describe {table.full_name}"',
        )
