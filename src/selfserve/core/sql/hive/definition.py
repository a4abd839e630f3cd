"""A table as Hive's metastore and AWS Glue describe it, which is the same in both. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from selfserve.core.sql.tables import TableColumn

VIEW = "VIRTUAL_VIEW"
"""The type of tables that are views."""
EXTERNAL = "EXTERNAL_TABLE"
MANAGED = "MANAGED_TABLE"
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""What stands for NULL among the values of a partition."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How files are read and written: names of Java classes."""

    input_format: str = ""
    serde: str = ""
    output_format: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What the catalogue has of a table. Types of columns are Hive's text."""

    schema: str
    name: str
    kind: str = EXTERNAL
    columns: tuple[TableColumn, ...] = ()
    partition_columns: tuple[TableColumn, ...] = ()
    location: str = ""
    storage: Storage = field(default_factory=Storage)
    serde_parameters: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    view_original: str = ""
    view_expanded: str = ""

    @property
    def is_view(self) -> bool:
        """Whether it is a statement rather than files."""
        return self.kind == VIEW


@dataclass(frozen=True, slots=True)
class PartitionDefinition:
    """What the catalogue has of a partition."""

    values: tuple[str, ...]
    location: str
    storage: Storage
