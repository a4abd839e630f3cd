"""A statement, and what it takes to answer it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from selfserve.core.sql.engines import Engine

if TYPE_CHECKING:
    from selfserve.core.sql.text.parameters import Parameter

DEFAULT_SCHEMA = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlRequest:
    """One statement in the dialect of `engine`."""

    text: str
    engine: Engine = Engine.TRINO
    schema: str = DEFAULT_SCHEMA
    """Where tables without a schema are looked for."""
    parameters: "Mapping[str, Parameter]" = field(default_factory=dict)
    """Values of the `:name` places in the text."""
