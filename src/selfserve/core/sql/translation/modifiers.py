"""What follows or precedes any query: WITH, ORDER BY, OFFSET, LIMIT.

Source: https://trino.io/docs/current/sql/select.html
"""

from dataclasses import dataclass, replace

from sqlglot import exp

from selfserve.core.sql.translation.env import Env, WithQuery
from selfserve.core.sql.translation.ordering import direction, ordered
from selfserve.core.sql.translation.output import Query, as_fields, selected
from selfserve.core.sql.translation.places import only, unsupported
from selfserve.core.sql.translation.scope import Field, Scope
from selfserve.core.sql.translation.subqueries import query_of
from selfserve.core.sql.translation.values import Value, exactly, quoted

MODIFIERS = ("order", "limit", "offset", "with_")
"""Parts of sqlglot's queries that are translated here."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a SELECT list."""

    name: str | None
    value: Value


def order_by(env: Env, node: exp.Expr, items: list[Item]) -> str:
    """The ORDER BY of a query with these columns; empty if it has none."""
    order = node.args.get("order")
    if order is None:
        return ""
    # ORDER BY sees the names of the result first, then those of FROM
    named = tuple(
        Field(item.name, item.value.type, item.value.sql, exact=item.value.exact) for item in items
    )
    inner = env.at(Scope(named, env.scope))
    keys = []
    for key in order.expressions:
        position = _position(env, key, items)
        if not position and node.args.get("distinct") and isinstance(node, exp.Select):
            _check_selected(inner, key, items)
        keys.append(f"{position}{direction(key)}" if position else ordered(inner, key))
    return f" ORDER BY {', '.join(keys)}"


def _check_selected(env: Env, key: exp.Expr, items: list[Item]) -> None:
    node = key.this if isinstance(key, exp.Ordered) else key
    if exactly(env.value(node)).sql not in {exactly(item.value).sql for item in items}:
        what = "with SELECT DISTINCT, ORDER BY takes only what is selected"
        raise env.wrong(what, node)


def _position(env: Env, key: exp.Expr, items: list[Item]) -> int | None:
    """The column of the result that a key of ORDER BY is, counted from 1."""
    node = key.this if isinstance(key, exp.Ordered) else key
    if isinstance(node, exp.Literal) and not node.is_string:
        if not node.this.isdigit() or not 1 <= int(node.this) <= len(items):
            raise env.wrong(f"ORDER BY {node.this}: there are {len(items)} columns", node)
        return int(node.this)
    if isinstance(node, exp.Column) and len(node.parts) == 1:
        name = node.name.lower()
        found = [i for i, item in enumerate(items, 1) if item.name and item.name.lower() == name]
        if len({items[i - 1].value.sql for i in found}) > 1:
            raise env.wrong(f"column {node.name!r} is ambiguous", node)
        if found and items[found[0] - 1].value.type.base not in {"map", "row", "array"}:
            return found[0]
    return None


def limit_of(env: Env, node: exp.Expr) -> str:
    """LIMIT and OFFSET; empty if there are none."""
    sql = ""
    limit = node.args.get("limit")
    if isinstance(limit, exp.Fetch):
        options = limit.args.get("limit_options")
        if options and (options.args.get("with_ties") or options.args.get("percent")):
            raise unsupported("FETCH FIRST … WITH TIES or PERCENT")
        sql = f" LIMIT {_count(env, limit.args.get('count') or exp.Literal.number(1))}"
    elif limit is not None:
        only(limit, ("expression",), "LIMIT")
        if limit.expression.name.upper() != "ALL":
            sql = f" LIMIT {_count(env, limit.expression)}"
    offset = node.args.get("offset")
    if offset is not None:
        sql += f" OFFSET {_count(env, offset.expression)}"
    return sql


def _count(env: Env, node: exp.Expr) -> str:
    if isinstance(node, (exp.Literal, exp.Placeholder)):
        value = env.value(node)
        if value.type.base in {"integer", "bigint"}:
            return value.sql
    raise env.wrong("a number of rows has to be a whole number", node)


def with_clause(env: Env, node: exp.Expr) -> tuple[Env, str]:
    """The WITH of a query, and the place in which its names are known."""
    with_ = node.args.get("with_")
    if with_ is None:
        return env, ""
    if with_.args.get("recursive"):
        raise unsupported("WITH RECURSIVE")
    texts = []
    for cte in with_.expressions:
        if not isinstance(cte, exp.CTE):
            raise unsupported("functions in WITH")
        only(cte, ("this", "alias"), "WITH")
        query = query_of(env, cte.this)
        name = env.statement.unique(cte.alias.lower())
        fields = as_fields(query)
        columns = cte.args["alias"].args.get("columns")
        if columns:
            if len(columns) != len(fields):
                what = f"{len(columns)} names are given to {len(fields)} columns"
                raise env.wrong(what, columns[0])
            pairs = zip(fields, columns, strict=True)
            fields = tuple(replace(field, name=column.name.lower()) for field, column in pairs)
        env = replace(env, ctes={**env.ctes, cte.alias.lower(): WithQuery(name, fields)})
        texts.append(f"{quoted(name)} AS ({query.sql})")
    return env, f"WITH {', '.join(texts)} "


def modified(env: Env, node: exp.Expr, query: Query, with_: str) -> Query:
    """ORDER BY and LIMIT of a query that is not a plain SELECT."""
    alias = env.statement.unique("q")
    items = [
        Item(c.name, Value(f"{quoted(alias)}.{quoted(c.sql_name)}", c.type, exact=c.exact))
        for c in query.columns
    ]
    tail = order_by(env, node, items) + limit_of(env, node)
    if not tail:
        return replace(query, sql=f"{with_}{query.sql}")
    plain = selected([item.value.sql for item in items], f"({query.sql}) AS {quoted(alias)}")
    return Query(f"{with_}{plain}{tail}", query.columns)
