"""A lake of plain folders, a catalogue in memory, and the embedded engine over them."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
from pyarrow import parquet

from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.tables import FileFormat, Partition, Table, TableColumn
from selfserve.core.sql.text.parameters import Parameter
from selfserve.embedded.answer import EmbeddedAnswer
from selfserve.embedded.changes import Changes
from selfserve.embedded.engine import Engine
from selfserve.embedded.estimation import Estimator
from selfserve.embedded.files import FolderFiles
from selfserve.embedded.footers import Footers, read_local_range
from selfserve.embedded.sql import EmbeddedSql
from selfserve.errors import BadInputError, NotFoundError

BUCKET = "s3://lake"


class MemoryCatalogue:
    """A catalogue that can be changed; it says no where Hive's metastore does."""

    def __init__(self, locations: Mapping[str, str]) -> None:
        self.locations = dict(locations)
        self.known: dict[tuple[str, str], Table] = {}
        self.managed: set[str] = set()

    def schemas(self) -> Sequence[str]:
        return list(self.locations)

    def tables(self, schema: str) -> Sequence[str]:
        return [name for found, name in self.known if found == schema]

    def find(self, schema: str, name: str) -> Table | None:
        return self.known.get((schema, name))

    def schema_location(self, schema: str) -> str | None:
        return self.locations.get(schema)

    def create_schema(self, name: str, location: str = "") -> None:
        if name in self.locations:
            raise BadInputError(f"Schema {name} is there already.", hint="Take another name.")
        self.locations[name] = location or f"{BUCKET}/{name}.db"

    def drop_schema(self, name: str) -> None:
        if name not in self.locations:
            raise NotFoundError(f"There is no schema {name}.", hint="Look at: show schemas")
        if self.tables(name):
            raise BadInputError(f"Schema {name} has tables.", hint="Drop them first.")
        del self.locations[name]

    def create_table(self, table: Table, *, is_managed: bool = True) -> None:
        if table.schema not in self.locations:
            raise NotFoundError(f"There is no schema {table.schema}.", hint="Make it.")
        if (table.schema, table.name) in self.known:
            raise BadInputError(f"Table {table.full_name} is there.", hint="Drop it first.")
        self.known[table.schema, table.name] = table
        if is_managed:
            self.managed.add(table.full_name)

    def drop_table(self, schema: str, name: str) -> None:
        if (schema, name) not in self.known:
            raise NotFoundError(f"There is no table {schema}.{name}.", hint="Look at: show tables")
        del self.known[schema, name]


class Lake:
    """Tables are in the schema `lake`; a table's files are in the folder of its name."""

    def __init__(self, folder: Path, *, can_change: bool = True) -> None:
        self.folder = folder / "lake"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.catalogue = MemoryCatalogue({"lake": BUCKET})
        files = FolderFiles(self.to_path)
        self.engine = Engine(files, temp_folder=folder / "spill")
        self.sql = EmbeddedSql(
            self.engine,
            self.catalogue,
            estimator=Estimator(files, Footers(read_local_range)),
            changes=self._changes if can_change else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sql.close()

    def _changes(self, sql: EmbeddedSql, engine: Engine) -> Changes:
        return Changes(engine, self.catalogue, to_folder=self.to_path, prepare=sql.prepare)

    def to_path(self, uri: str) -> Path:
        return self.folder / uri.removeprefix(BUCKET).strip("/")

    def add(
        self,
        name: str,
        columns: str,
        *,
        keys: str = "",
        partitions: Mapping[tuple[str | None, ...], str] | None = None,
        **facts: object,
    ) -> Table:
        """A table; `columns` and `keys` as `id bigint, title varchar`.

        `partitions`: values -> the folder below the table's.
        """
        location = f"{BUCKET}/{name}"
        table = Table(
            schema="lake",
            name=name,
            columns=to_columns(columns),
            partition_columns=to_columns(keys),
            location=location,
            partitions=tuple(
                Partition(values, f"{location}/{folder}")
                for values, folder in (partitions or {}).items()
            ),
        )
        table = replace(table, **facts)  # type: ignore[arg-type]
        self.catalogue.known["lake", name] = table
        return table

    def path(self, name: str) -> Path:
        """Where a file of the lake is; its folder is made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, text: str) -> Path:
        path = self.path(name)
        path.write_text(text, encoding="utf-8")
        return path

    def write_parquet(self, name: str, columns: Mapping[str, object] | pa.Table) -> Path:
        path = self.path(name)
        data = columns if isinstance(columns, pa.Table) else pa.table(dict(columns))
        parquet.write_table(data, path)
        return path

    def ask(self, text: str, **parameters: Parameter) -> list[Row]:
        """All rows of an answer."""
        return self.read(text, **parameters)[1]

    def read(self, text: str, **parameters: Parameter) -> tuple[Sequence[Column], list[Row]]:
        """Its columns, too."""
        answer = self.sql.answer(SqlRequest(text=text, schema="lake", parameters=parameters))
        with contextlib.closing(answer) if isinstance(answer, EmbeddedAnswer) else _as_it_is():
            columns = answer.columns
            return columns, [row for batch in answer.batches() for row in batch]

    def export(self, text: str, to: Path, of: ResultFormat) -> int:
        """How many rows went to the file."""
        export = self.sql.export(SqlRequest(text=text, schema="lake"), to, of)
        with contextlib.closing(export):
            return export.write().rows


@contextlib.contextmanager
def _as_it_is() -> Iterator[None]:
    yield


def to_columns(text: str) -> tuple[TableColumn, ...]:
    """`id bigint, m map(varchar, bigint)` as columns."""
    found, depth, start = [], 0, 0
    for at, character in enumerate(text + ","):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            found.append(text[start:at].strip())
            start = at + 1
    pairs = (one.partition(" ") for one in found if one)
    return tuple(TableColumn(name, of_type) for name, _, of_type in pairs)


ORC, CSV, JSON = FileFormat.ORC, FileFormat.CSV, FileFormat.JSON
