"""SELECT, and queries in brackets.

Source: https://trino.io/docs/current/sql/select.html
"""

from dataclasses import replace

from sqlglot import exp

from selfserve.core.sql.translation.aggregation import check_groups
from selfserve.core.sql.translation.comparisons import boolean
from selfserve.core.sql.translation.env import Env
from selfserve.core.sql.translation.grouping import group_by, keys_of
from selfserve.core.sql.translation.modifiers import (
    MODIFIERS,
    Item,
    limit_of,
    modified,
    order_by,
    with_clause,
)
from selfserve.core.sql.translation.output import OutputColumn, Query, sql_names
from selfserve.core.sql.translation.places import only, unsupported
from selfserve.core.sql.translation.relations import from_clause
from selfserve.core.sql.translation.scope import Field, Scope
from selfserve.core.sql.translation.subqueries import query_of, registers
from selfserve.core.sql.translation.types import Type, duckdb_type
from selfserve.core.sql.translation.values import Value, exactly, quoted


@registers(exp.Select)
def _select(env: Env, node: exp.Expr) -> Query:
    assert isinstance(node, exp.Select)  # noqa: S101
    only(
        node,
        ("expressions", "from_", "joins", "where", "group", "having", "distinct", *MODIFIERS),
        "SELECT",
    )
    outermost = env.outermost
    env, with_ = with_clause(env.inside(), node)
    source = from_clause(env.at(Scope((), env.scope)), node)
    inner = env.at(Scope(source.fields, env.scope))
    items = _items(inner, node)
    if outermost:
        items = [replace(item, value=_shown(item.value)) for item in items]
    names = sql_names([item.name for item in items])
    shown = ", ".join(
        f"{item.value.sql} AS {quoted(name)}" for item, name in zip(items, names, strict=True)
    )
    sql = f"{with_}SELECT {_distinct(node)}{shown}"
    if source.sql:
        sql += f" FROM {source.sql}"
    if node.args.get("where"):
        sql += f" WHERE {boolean(inner, node.args['where'].this, 'WHERE').sql}"
    if node.args.get("group"):
        sql += f" GROUP BY {group_by(inner, node.args['group'], [i.value for i in items])}"
    _check_aggregation(inner, node, len(items))
    if node.args.get("having"):
        sql += f" HAVING {boolean(inner, node.args['having'].this, 'HAVING').sql}"
    sql += order_by(inner, node, items) + limit_of(env, node)
    columns = tuple(
        OutputColumn(item.name, item.value.type, name, exact=item.value.exact)
        for item, name in zip(items, names, strict=True)
    )
    return Query(sql, columns)


def _check_aggregation(env: Env, node: exp.Select, count: int) -> None:
    written = [
        entry.this if isinstance(entry, exp.Alias) else entry
        for entry in node.expressions
        if not _is_star(entry)
    ]
    if len(written) == count:  # with a * the numbers of GROUP BY are not those of the list
        check_groups(env, node, written, keys_of(node.args.get("group"), written))


def _is_star(node: exp.Expr) -> bool:
    return isinstance(node, exp.Star) or (
        isinstance(node, exp.Column) and isinstance(node.this, exp.Star)
    )


def _shown(value: Value) -> Value:
    """A value as it may be in a result: with the type that Trino shows."""
    is_zoned = _is_zoned(value.type)
    if is_zoned or value.type.base.startswith("interval"):
        zoned = " moved to another zone (CAST it to timestamp)" if is_zoned else ""
        raise unsupported(f"a result of type {value.type}{zoned}")
    return exactly(value)


def _is_zoned(type_: Type) -> bool:
    return type_.zone is not None or any(map(_is_zoned, type_.items))


def _distinct(node: exp.Select) -> str:
    distinct = node.args.get("distinct")
    if distinct is None:
        return ""
    if distinct.args.get("on"):
        raise unsupported("DISTINCT ON")
    return "DISTINCT "


def _items(env: Env, node: exp.Select) -> list[Item]:
    items: list[Item] = []
    for entry in node.expressions:
        if isinstance(entry, exp.Star):
            items += _starred(env, entry, None)
        elif isinstance(entry, exp.Column) and isinstance(entry.this, exp.Star):
            items += _starred(env, entry.this, entry)
        elif isinstance(entry, exp.Alias):
            items.append(Item(_name_of(entry.args["alias"]), env.value(entry.this)))
        else:
            items.append(Item(_own_name(entry), env.value(entry)))
    return items


def _own_name(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Column):
        return _name_of(node.this)
    if isinstance(node, exp.Dot):
        return _name_of(node.expression)
    return _own_name(node.this) if isinstance(node, exp.Paren) else None


def _name_of(identifier: exp.Expr) -> str:
    """Names that are not quoted are lower case."""
    return identifier.name if identifier.args.get("quoted") else identifier.name.lower()


def _starred(env: Env, star: exp.Star, column: exp.Column | None) -> list[Item]:
    if any(star.args.values()):
        what = "Trino has no * with EXCLUDE, EXCEPT, REPLACE or RENAME"
        raise env.wrong(what, column or star, hint="Name the columns that you want.")
    fields: tuple[Field, ...] = env.scope.fields
    if column is not None:
        path = tuple(part.name.lower() for part in column.parts[:-1])
        fields = tuple(f for f in fields if f.relation[-len(path) :] == path)
        if not fields:
            raise env.wrong(f"there is no table {'.'.join(path)!r} in FROM", column)
    elif not fields:
        raise env.wrong("SELECT * needs FROM", star)
    for field in fields:
        if field.type.base == "char" or duckdb_type(field.type) is None:
            raise unsupported(f"columns of type {field.type} ({field.name})")
    return [Item(field.name, field.value()) for field in fields]


@registers(exp.Subquery)
def _bracketed(env: Env, node: exp.Expr) -> Query:
    only(node, ("this", "alias", *MODIFIERS), "a query in brackets")
    if not any(node.args.get(key) for key in MODIFIERS):
        return query_of(env, node.this)
    env, with_ = with_clause(env.inside(), node)
    query = query_of(env, node.this)
    query = query.typed([column.type for column in query.columns], alias=env.statement.unique("q"))
    return modified(env, node, query, with_)
