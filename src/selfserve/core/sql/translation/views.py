"""Views: their text, which Trino and Presto keep encoded and Hive and Spark do not.

Source of the encoding: https://trino.io/docs/current/connector/hive.html#hive-views
"""

import base64
import binascii
import json
import re
from dataclasses import replace

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from selfserve.core.sql.problems import SqlError, UnsupportedHereError
from selfserve.core.sql.tables import Table
from selfserve.core.sql.translation.env import Env
from selfserve.core.sql.translation.output import Query
from selfserve.core.sql.translation.parsing import parse
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.scope import Scope
from selfserve.core.sql.translation.subqueries import query_of

_ENCODED = re.compile(r"/\*\s*(?:Presto|Trino) View:\s*([A-Za-z0-9+/=\s]+)\*/", re.IGNORECASE)

# What means the same to Hive, Spark and Trino. Arithmetic and functions do not.
_COMMON = (
    exp.Select, exp.From, exp.Table, exp.TableAlias, exp.Join, exp.Where, exp.Column,
    exp.Identifier, exp.Alias, exp.Literal, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT,
    exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.Is, exp.Null, exp.Boolean, exp.Paren,
    exp.Star, exp.Subquery, exp.Union, exp.Distinct, exp.Group, exp.Count,
)  # fmt: skip


def view_query(env: Env, view: Table) -> Query:
    """The query that a view stands for.

    Raises:
        UnsupportedHereError: Its text cannot be translated, or it is a view of itself.
    """
    name = view.full_name.lower()
    if name in env.statement.views:
        raise unsupported(f"the view {name}, which reads itself")
    text, schema = _text(view)
    statement = replace(
        env.statement, text=text, default_schema=schema, views=(*env.statement.views, name)
    )
    try:
        query = query_of(Env(statement, Scope()), parse(text))
    except SqlError as error:
        raise unsupported(f"the view {name}: {error}") from error
    except UnsupportedHereError as error:
        raise UnsupportedHereError(f"In the view {name}: {error}", hint=error.hint) from error
    if len(query.columns) != len(view.all_columns):
        raise unsupported(f"the view {name}, which has other columns than its query by now")
    pairs = zip(query.columns, view.all_columns, strict=True)
    return Query(query.sql, tuple(replace(column, name=known.name) for column, known in pairs))


def _text(view: Table) -> tuple[str, str]:
    """The text in Trino's dialect, and the schema that its names are of."""
    encoded = _ENCODED.search(view.view or "")
    if encoded is None:
        return _from_spark(view), view.schema
    try:
        content = json.loads(base64.b64decode(encoded[1]))
        return str(content["originalSql"]), str(content.get("schema") or view.schema)
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise unsupported(f"the view {view.full_name}, whose text cannot be read") from error


def _from_spark(view: Table) -> str:
    try:
        tree = sqlglot.parse_one(view.view or "", read="spark")
    except SqlglotError as error:
        raise unsupported(f"the view {view.full_name}, whose text is not understood") from error
    for node in tree.walk():
        if not isinstance(node, _COMMON):
            word = type(node).__name__.upper()
            raise unsupported(f"{word} in the view {view.full_name}, made by Hive or Spark")
    return tree.sql("trino")
