"""Carry out statements that change the catalogue: tables of Parquet files, made and filled."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from selfserve.core.sql.answers import Column
from selfserve.core.sql.changes.changes import (
    Change,
    CreateSchema,
    CreateTable,
    Drop,
    Insert,
    cannot,
)
from selfserve.core.sql.changes.insertion import Filling, fill, named_columns
from selfserve.core.sql.metadata import find_table
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.fixed_answer import FixedAnswer
from selfserve.core.sql.tables import FileFormat, Table, TableCatalogue
from selfserve.embedded.engine import Engine
from selfserve.embedded.errors import engine_errors, file_errors
from selfserve.embedded.files import is_hidden
from selfserve.embedded.prepared import Prepared
from selfserve.embedded.run import Run
from selfserve.embedded.types import text_literal
from selfserve.embedded.written import Written, rows_sql
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

    def carry_out(self, change: Change, request: SqlRequest, run: Run) -> FixedAnswer:
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
            return self._insert(change, request, run)
        return self._create(change, request, run)

    def _create(self, change: CreateTable, request: SqlRequest, run: Run) -> FixedAnswer:
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
        return self._create_from(change, replace(request, text=change.query), run)

    def _create_from(self, change: CreateTable, request: SqlRequest, run: Run) -> FixedAnswer:
        """`request` is for the rows."""
        if change.table.format is not FileFormat.PARQUET:
            raise cannot("", f"CREATE TABLE AS with the format {change.table.format.upper()}")
        query = self._prepare(request)
        found = self._columns_of(query, run)
        table = self._located(replace(change.table, columns=named_columns(found)))
        folder = self._to_folder(table.location)
        if any(not is_hidden(path.name) for path in _entries(folder)):
            raise BadInputError(
                f"There are files already in {table.location}, where {table.full_name} would be.",
                hint="Move them away, or take another name.",
            )
        written = self._write(query, table, fill(table, (), found, request.text), run)
        try:
            run.check()
            self._catalogue.create_table(table, is_managed=not change.is_external)
        except BaseException:
            written.undo()
            raise
        return _counted(written.rows)

    def _insert(self, change: Insert, request: SqlRequest, run: Run) -> FixedAnswer:
        table = find_table(self._catalogue, change.schema, change.name, request.text)
        if table.view is not None or table.format is not FileFormat.PARQUET:
            raise cannot("", f"INSERT INTO {table.full_name}, which is no table of Parquet files")
        if table.partition_columns:
            raise cannot("", f"INSERT INTO {table.full_name}, which has partitions")
        query = self._prepare(replace(request, text=change.query))
        filled = fill(table, change.columns, self._columns_of(query, run), request.text)
        return _counted(self._write(query, table, filled, run).rows)

    def _drop(self, change: Drop, request: SqlRequest) -> FixedAnswer:
        try:
            if change.kind == "SCHEMA":
                self._catalogue.drop_schema(change.schema)
                return _DONE
            if not change.if_exists:
                find_table(self._catalogue, change.schema, change.name, request.text)
            _refuse_other_kind(self._catalogue.find(change.schema, change.name), change.kind)
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

    def _columns_of(self, query: Prepared, run: Run) -> tuple[Column, ...]:
        connection = self._engine.connection(query.tables)
        with connection as cursor, run.at_work(cursor), engine_errors():
            rows = cursor.execute(f"DESCRIBE {query.sql}", dict(query.values) or None).fetchall()
        return query.columns_of([(row[0], row[1]) for row in rows])

    def _write(self, query: Prepared, table: Table, filled: Sequence[Filling], run: Run) -> Written:
        """Write the rows as one file of the table: hidden until it is whole."""
        folder = self._to_folder(table.location)
        is_new = not folder.exists()
        draft = folder / f".{token_hex(8)}.part"
        sql = f"COPY ({rows_sql(query.sql, filled)}) TO {text_literal(str(draft))} (FORMAT parquet)"
        try:
            with file_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
            connection = self._engine.connection(query.tables)
            with connection as cursor, run.at_work(cursor), engine_errors():
                counted = cursor.execute(sql, dict(query.values) or None).fetchone()
            run.check()
        except BaseException:
            Written(0, draft, is_new_folder=is_new).undo()
            raise
        written = Written(
            int(counted[0]) if counted else 0,
            folder / f"{token_hex(8)}.parquet",
            is_new_folder=is_new,
        )
        with file_errors(folder):
            draft.rename(written.path) if written.rows else draft.unlink()
        return written


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _counted(rows: int) -> FixedAnswer:
    return FixedAnswer((Column("rows", "bigint"),), ((rows,),))


def _refuse_other_kind(found: Table | None, kind: str) -> None:
    if found is None or (found.view is not None) == (kind == "VIEW"):
        return
    own = "TABLE" if kind == "VIEW" else "VIEW"
    raise BadInputError(
        f"{found.full_name} is a {own.lower()}, not a {kind.lower()}.",
        hint=f'Drop it as what it is: selfserve sql "drop {own.lower()} {found.full_name}"',
    )
