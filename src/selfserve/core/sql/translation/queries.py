"""SELECT, set operations, VALUES, WITH.

Source: https://trino.io/docs/current/sql/select.html
"""

from dataclasses import dataclass, replace

from sqlglot import exp

from selfserve.core.sql.translation.comparisons import boolean
from selfserve.core.sql.translation.env import Env, WithQuery
from selfserve.core.sql.translation.grouping import group_by
from selfserve.core.sql.translation.literals import common_of
from selfserve.core.sql.translation.ordering import direction, ordered
from selfserve.core.sql.translation.output import (
    OutputColumn,
    Query,
    as_fields,
    selected,
    sql_names,
)
from selfserve.core.sql.translation.places import only, unsupported
from selfserve.core.sql.translation.relations import from_clause, relation
from selfserve.core.sql.translation.scope import Field, Scope
from selfserve.core.sql.translation.subqueries import query_of, registers
from selfserve.core.sql.translation.types import common_type, duckdb_type
from selfserve.core.sql.translation.values import Value, coerced, exactly, quoted

_MODIFIERS = ("order", "limit", "offset", "with_")


@dataclass(frozen=True, slots=True)
class _Item:
    """One thing of a SELECT list."""

    name: str | None
    value: Value


@registers(exp.Select)
def _select(env: Env, node: exp.Expr) -> Query:
    assert isinstance(node, exp.Select)  # noqa: S101
    only(
        node,
        ("expressions", "from_", "joins", "where", "group", "having", "distinct", *_MODIFIERS),
        "SELECT",
    )
    outermost = env.outermost
    env, with_ = _with(env.inside(), node)
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
    if node.args.get("having"):
        sql += f" HAVING {boolean(inner, node.args['having'].this, 'HAVING').sql}"
    sql += _order(inner, node, items) + _limit(env, node)
    columns = tuple(
        OutputColumn(item.name, item.value.type, name, exact=item.value.exact)
        for item, name in zip(items, names, strict=True)
    )
    return Query(sql, columns)


def _shown(value: Value) -> Value:
    """A value as it may be in a result: with the type that Trino shows."""
    if value.type.zone or value.type.base.startswith("interval"):
        zoned = " moved to another zone (CAST it to timestamp)" if value.type.zone else ""
        raise unsupported(f"a result of type {value.type}{zoned}")
    return exactly(value)


def _distinct(node: exp.Select) -> str:
    distinct = node.args.get("distinct")
    if distinct is None:
        return ""
    if distinct.args.get("on"):
        raise unsupported("DISTINCT ON")
    return "DISTINCT "


def _items(env: Env, node: exp.Select) -> list[_Item]:
    items: list[_Item] = []
    for entry in node.expressions:
        if isinstance(entry, exp.Star):
            items += _starred(env, entry, None)
        elif isinstance(entry, exp.Column) and isinstance(entry.this, exp.Star):
            items += _starred(env, entry.this, entry)
        elif isinstance(entry, exp.Alias):
            alias = entry.args["alias"]
            name = alias.name if alias.args.get("quoted") else alias.name.lower()
            items.append(_Item(name, env.value(entry.this)))
        else:
            items.append(_Item(_own_name(entry), env.value(entry)))
    return items


def _own_name(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Column):
        return node.name.lower()
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
        return node.expression.name.lower()
    return _own_name(node.this) if isinstance(node, exp.Paren) else None


def _starred(env: Env, star: exp.Star, column: exp.Column | None) -> list[_Item]:
    only(star, (), "*")
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
    return [_Item(field.name, field.value()) for field in fields]


def _order(env: Env, node: exp.Expr, items: list[_Item]) -> str:
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
        keys.append(f"{position}{direction(key)}" if position else ordered(inner, key))
    return f" ORDER BY {', '.join(keys)}"


def _position(env: Env, key: exp.Expr, items: list[_Item]) -> int | None:
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


def _limit(env: Env, node: exp.Expr) -> str:
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


def _with(env: Env, node: exp.Expr) -> tuple[Env, str]:
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


@registers(exp.Subquery)
def _bracketed(env: Env, node: exp.Expr) -> Query:
    only(node, ("this", "alias", *_MODIFIERS), "a query in brackets")
    if not any(node.args.get(key) for key in _MODIFIERS):
        return query_of(env, node.this)
    env, with_ = _with(env.inside(), node)
    query = query_of(env, node.this)
    query = query.typed([column.type for column in query.columns], alias=env.statement.unique("q"))
    return _modified(env, node, query, with_)


def _modified(env: Env, node: exp.Expr, query: Query, with_: str) -> Query:
    """ORDER BY and LIMIT of a query that is not a plain SELECT."""
    alias = env.statement.unique("q")
    items = [
        _Item(c.name, Value(f"{quoted(alias)}.{quoted(c.sql_name)}", c.type, exact=c.exact))
        for c in query.columns
    ]
    tail = _order(env, node, items) + _limit(env, node)
    if not tail:
        return replace(query, sql=f"{with_}{query.sql}")
    plain = selected([item.value.sql for item in items], f"({query.sql}) AS {quoted(alias)}")
    return Query(f"{with_}{plain}{tail}", query.columns)


_SET_WORDS: dict[type[exp.Expr], str] = {
    exp.Union: "UNION",
    exp.Intersect: "INTERSECT",
    exp.Except: "EXCEPT",
}


@registers(exp.Union, exp.Intersect, exp.Except)
def _set_operation(env: Env, node: exp.Expr) -> Query:
    only(node, ("this", "expression", "distinct", *_MODIFIERS), "a set operation")
    word = _SET_WORDS[type(node)]
    env, with_ = _with(env.inside(), node)
    sides = [query_of(env, node.this), query_of(env, node.expression)]
    counts = [len(side.columns) for side in sides]
    if counts[0] != counts[1]:
        raise env.wrong(f"{word} of {counts[0]} and {counts[1]} columns", node.expression)
    types = []
    for left, right in zip(sides[0].columns, sides[1].columns, strict=True):
        common = common_type(left.type, right.type)
        if common is None:
            raise env.wrong(f"{word} of {left.type} and {right.type}", node.expression)
        types.append(common)
    left_sql, right_sql = (side.typed(types, alias=env.statement.unique("q")).sql for side in sides)
    all_ = "" if node.args.get("distinct") else " ALL"
    columns = tuple(
        replace(column, type=type_, exact=True)
        for column, type_ in zip(sides[0].columns, types, strict=True)
    )
    query = Query(f"({left_sql}) {word}{all_} ({right_sql})", columns)
    return _modified(env, node, query, with_)


def _cells(row: exp.Expr) -> list[exp.Expr]:
    cells = row.expressions if isinstance(row, exp.Tuple) else [row]
    if len(cells) == 1 and isinstance(cells[0], exp.Anonymous) and cells[0].name.lower() == "row":
        return list(cells[0].expressions)
    return list(cells)


@registers(exp.Values)
def _values(env: Env, node: exp.Expr) -> Query:
    only(node, ("expressions", "alias", *_MODIFIERS), "VALUES")
    rows = [[env.value(item) for item in _cells(row)] for row in node.expressions]
    if len({len(row) for row in rows}) != 1:
        raise env.wrong("the rows of VALUES differ in their number of columns", node)
    types = [common_of(env, list(column), node) for column in zip(*rows, strict=True)]
    texts = (
        ", ".join(coerced(value, type_).sql for value, type_ in zip(row, types, strict=True))
        for row in rows
    )
    names = [f"_col{position}" for position in range(len(types))]
    columns = tuple(
        OutputColumn(None, type_, name) for type_, name in zip(types, names, strict=True)
    )
    alias = quoted(env.statement.unique("v"))
    rows_sql = ", ".join(f"({text})" for text in texts)
    source = f"(VALUES {rows_sql}) AS {alias}({', '.join(map(quoted, names))})"
    sql = selected(["*"], source)
    return _modified(env, node, Query(sql, columns), "")


@registers(exp.Table)
def _whole_table(env: Env, node: exp.Expr) -> Query:
    found = relation(env.at(Scope((), env.scope)), node, ())
    names = sql_names([field.name for field in found.fields])
    pairs = list(zip(found.fields, names, strict=True))
    shown = [f"{field.sql} AS {quoted(name)}" for field, name in pairs]
    columns = tuple(
        OutputColumn(field.name, field.type, name, exact=field.exact) for field, name in pairs
    )
    return Query(selected(shown, found.sql), columns)
