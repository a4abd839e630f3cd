"""Tables as a catalogue describes them: Hive's metastore on this machine, Glue on AWS.

Pure. Types of columns are in Trino's spelling, in lower case; `hive/types.py` translates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from selfserve.core.sql.engines import Engine


class FileFormat(StrEnum):
    """How a table's files are written."""

    PARQUET = "parquet"
    ORC = "orc"
    CSV = "csv"
    """Hive's OpenCSVSerde; or its text files, whose delimiter is not a comma by default."""
    JSON = "json"
    AVRO = "avro"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column and its type, such as `bigint` or `array(varchar)`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: its values in the order of the table's partition columns, and its folder."""

    values: tuple[str | None, ...]
    """As text; None for Hive's __HIVE_DEFAULT_PARTITION__."""
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOptions:
    """How text files are to be read."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = "\\"
    null_text: str | None = "\\N"
    """None: no text stands for NULL, as with OpenCSVSerde."""
    header_lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, or a view if `view` is not None."""

    schema: str
    name: str
    columns: tuple[TableColumn, ...]
    """Without the partition columns."""
    partition_columns: tuple[TableColumn, ...] = ()
    location: str = ""
    """An s3:// URI of a folder."""
    format: FileFormat = FileFormat.PARQUET
    serde: str = ""
    """What the catalogue calls the format, for messages."""
    text: TextOptions = field(default_factory=TextOptions)
    partitions: tuple[Partition, ...] = ()
    """Empty for a table without partition columns."""
    view: str | None = None
    """The statement of a view, in the dialect of the engine that made it."""
    view_engine: Engine | None = None
    """Which engine that is."""
    view_schema: str = ""
    """Where names without a schema lead in the statement; empty: it has none such."""

    @property
    def all_columns(self) -> tuple[TableColumn, ...]:
        """As a SELECT * shows them: partition columns come last."""
        return self.columns + self.partition_columns

    @property
    def full_name(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"


class TableCatalogue(Protocol):
    """Where tables are looked up. Names are lower case. Raises only `SelfserveError`s."""

    def schemas(self) -> Sequence[str]:
        """Names of all schemas, which Hive calls databases."""

    def tables(self, schema: str) -> Sequence[str]:
        """Names of the tables of a schema; empty if there is no such schema."""

    def find(self, schema: str, name: str) -> Table | None:
        """The table with its partitions; None if there is none."""
