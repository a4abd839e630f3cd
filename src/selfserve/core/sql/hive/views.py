"""The statements of views: Trino's and Presto's, which Hive cannot read, and Hive's and Spark's.

Pure. Trino and Presto keep theirs as JSON in base64 inside of a comment.
"""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.hive.definition import Definition
from selfserve.core.sql.tables import TableColumn
from selfserve.errors import BadInputError

_PRESTO = re.compile(r"/\* Presto View: ([A-Za-z0-9+/=\s]+) \*/")
_SPARK_MARKS = ("spark.sql.create.version", "view.query.out.numCols")
_CATALOGUE = "hive"
PRESTO_EXPANDED = "/* Presto View */"


@dataclass(frozen=True, slots=True)
class View:
    """What a view is: its statement, and how to read it."""

    statement: str
    engine: Engine
    schema: str = ""
    columns: tuple[TableColumn, ...] = ()
    """If the statement's engine has noted them itself; types are Trino's."""


def view_of(definition: Definition) -> View:
    """The statement of a view, and whose dialect it is.

    Raises:
        BadInputError: the catalogue holds something damaged.
    """
    original = definition.view_original.strip()
    if presto := _PRESTO.fullmatch(original):
        return _presto_view(definition, presto[1])
    if any(mark in definition.parameters for mark in _SPARK_MARKS):
        return View(original, Engine.SPARK, _spark_schema(definition))
    # Hive writes every name of the expanded text in full.
    return View(definition.view_expanded.strip() or original, Engine.HIVE)


def presto_text(view: View) -> str:
    """The text by which Trino and Presto know a view of theirs."""
    content = {
        "originalSql": view.statement,
        "catalog": _CATALOGUE,
        "schema": view.schema or None,
        "columns": [{"name": column.name, "type": column.type} for column in view.columns],
        "runAsInvoker": True,
    }
    encoded = base64.b64encode(json.dumps(content).encode()).decode("ascii")
    return f"/* Presto View: {encoded} */"


def _presto_view(definition: Definition, encoded: str) -> View:
    try:
        content = json.loads(base64.b64decode(encoded))
        return View(
            content["originalSql"],
            Engine.TRINO,
            content.get("schema") or "",
            _presto_columns(content.get("columns", ())),
        )
    except (ValueError, KeyError, TypeError) as error:
        name = f"{definition.schema}.{definition.name}"
        raise BadInputError(
            f"The statement of the view {name} cannot be read: it is damaged.",
            hint=f"Make it again: CREATE OR REPLACE VIEW {name} AS SELECT …",
        ) from error


def _presto_columns(
    columns: Sequence[dict[str, Any]],  # Any: JSON as Trino writes it
) -> tuple[TableColumn, ...]:
    return tuple(TableColumn(column["name"], column["type"]) for column in columns)


def _spark_schema(definition: Definition) -> str:
    """The schema that was the current one when Spark made the view."""
    parameters = definition.parameters
    count = int(parameters.get("view.catalogAndNamespace.numParts", "0"))
    if count >= 2:
        return parameters.get(f"view.catalogAndNamespace.part.{count - 1}", "")
    return parameters.get("view.default.database", definition.schema)
