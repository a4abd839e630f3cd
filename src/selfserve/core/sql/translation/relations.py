"""What stands in FROM: tables, views, queries, UNNEST, VALUES, and joins of them.

Source: https://trino.io/docs/current/sql/select.html
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from selfserve.core.sql.translation.comparisons import boolean, compared
from selfserve.core.sql.translation.env import Env
from selfserve.core.sql.translation.lookup import find_table
from selfserve.core.sql.translation.output import Query
from selfserve.core.sql.translation.places import only, unsupported
from selfserve.core.sql.translation.scope import Field, Scope
from selfserve.core.sql.translation.subqueries import query_of
from selfserve.core.sql.translation.types import BIGINT, parse_type
from selfserve.core.sql.translation.values import Value, quoted, text_literal
from selfserve.core.sql.translation.views import view_query


@dataclass(frozen=True, slots=True)
class Relation:
    """DuckDB's text, and the fields that can be named."""

    sql: str
    fields: tuple[Field, ...]
    is_lateral: bool = False


def from_clause(env: Env, select: exp.Select) -> Relation:
    """All of FROM: groups of joins, with commas between them, which bind less tightly."""
    source = select.args.get("from_")
    if source is None:
        return Relation("", ())
    group = relation(env, source.this, ())
    done: list[Relation] = []
    for join in select.args.get("joins") or ():
        before = _fields([*done, group])
        if _is_comma(join):
            done.append(group)
            group = relation(env, join.this, before)
            group = replace(group, sql=_lateral(group))
        else:
            group = _joined(env, group, join, before)
    done.append(group)
    return Relation(", ".join(part.sql for part in done), _fields(done))


def _fields(relations: Sequence[Relation]) -> tuple[Field, ...]:
    return tuple(field for relation in relations for field in relation.fields)


def _is_comma(join: exp.Join) -> bool:
    # sqlglot has no word for a comma; it looks for pivots behind JOIN only
    return "pivots" not in join.args and set(join.args) <= {"this"}


def _lateral(relation: Relation) -> str:
    return f"LATERAL {relation.sql}" if relation.is_lateral else relation.sql


def _joined(env: Env, left: Relation, join: exp.Join, before: tuple[Field, ...]) -> Relation:
    only(join, ("this", "kind", "side", "on", "using"), "JOIN")
    side, kind = str(join.args.get("side") or ""), str(join.args.get("kind") or "INNER")
    if kind not in {"INNER", "OUTER", "CROSS"}:
        raise unsupported(f"{kind} JOIN")
    right = relation(env, join.this, before)
    words = f"{side or kind} JOIN" if side else f"{kind} JOIN"
    fields = left.fields + right.fields
    text = f"{left.sql} {words} {_lateral(right)}"
    if kind == "CROSS":
        return Relation(text, fields)
    if join.args.get("using"):
        return _using(env, join, (left, right), text)
    if not join.args.get("on"):
        raise env.wrong("a join needs ON or USING", join.this, hint="Or write CROSS JOIN.")
    condition = boolean(env.at(Scope(fields, env.scope.parent)), join.args["on"], "ON")
    return Relation(f"{text} ON {condition.sql}", fields)


def _using(env: Env, join: exp.Join, sides: tuple[Relation, Relation], text: str) -> Relation:
    conditions, shared, hidden = [], [], []
    for column in join.args["using"]:
        pair = [_one(env, side, column) for side in sides]
        equal = compared(env, column, "=", (pair[0].value(), pair[1].value()))
        conditions.append(equal.sql)
        shared.append(_merged(pair, str(join.args.get("side") or ""), column.name.lower()))
        hidden += pair
    rest = tuple(f for side in sides for f in side.fields if f not in hidden)
    return Relation(f"{text} ON {' AND '.join(conditions)}", (*shared, *rest))


def _one(env: Env, relation: Relation, column: exp.Identifier) -> Field:
    found = env.at(Scope(relation.fields)).scope.find((column.name.lower(),))
    if len(found) != 1:
        problem = "is ambiguous" if found else "is not on both sides"
        raise env.wrong(f"column {column.name!r} of USING {problem}", column)
    return found[0]


def _merged(pair: list[Field], side: str, name: str) -> Field:
    left, right = pair
    if left.type != right.type:
        raise unsupported(f"USING ({name}) of a {left.type} and a {right.type}")
    if side == "FULL":
        return Field(name, left.type, f"coalesce({left.sql}, {right.sql})")
    kept = right if side == "RIGHT" else left
    return Field(name, kept.type, kept.sql, exact=kept.exact)


def relation(env: Env, node: exp.Expr, before: tuple[Field, ...]) -> Relation:
    """One thing in FROM; `before` are the fields to the left, which LATERAL and UNNEST see."""
    # a query in FROM sees neither its neighbours nor, without LATERAL, this query
    apart = env.at(env.scope.parent or Scope())
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Placeholder):
        what = "a parameter stands for a value, not for a table"
        shown = f":{node.this.name}"
        raise env.wrong_text(what, shown, hint="Write the name of the table into the statement.")
    match node:
        case exp.Table():
            return _table(apart, node)
        case exp.Subquery():
            only(node, ("this", "alias", "order", "limit", "offset", "with_"), "a query in FROM")
            return named(env, query_of(apart, node), node.args.get("alias"))
        case exp.Values():
            return named(env, query_of(apart, node), node.args.get("alias"))
        case exp.Lateral():
            return _lateral_query(env.at(Scope(before, env.scope.parent)), node)
        case exp.Unnest():
            return _unnest(env.at(Scope(before, env.scope.parent)), node)
    raise unsupported(f"FROM {node.sql('trino')[:60]}")


def named(env: Env, query: Query, alias: exp.TableAlias | None) -> Relation:
    """A query as a relation."""
    name = alias.name.lower() if alias else ""
    sql_name = env.statement.unique(name or "q")
    fields = tuple(
        Field(
            column.name, column.type, f"{quoted(sql_name)}.{quoted(column.sql_name)}",
            (name,) if name else (), exact=column.exact,
        )
        for column in query.columns
    )  # fmt: skip
    return Relation(f"({query.sql}) AS {quoted(sql_name)}", renamed(env, fields, alias))


def renamed(
    env: Env,
    fields: tuple[Field, ...],
    alias: exp.TableAlias | None,
    *,
    last: exp.Identifier | None = None,
) -> tuple[Field, ...]:
    """Fields with the names that `AS t (a, b)` gives; sqlglot keeps an ordinality's apart."""
    names = [*((alias.args.get("columns") or ()) if alias else ()), *([last] if last else ())]
    if not names:
        return fields
    if len(names) != len(fields):
        what = f"{len(names)} names are given to {len(fields)} columns"
        raise env.wrong(what, names[0])
    pairs = zip(fields, names, strict=True)
    return tuple(replace(field, name=name.name.lower()) for field, name in pairs)


def _table(env: Env, node: exp.Table) -> Relation:
    only(node, ("this", "db", "catalog", "alias"), "a table")
    alias = node.args.get("alias")
    cte = env.ctes.get(node.name.lower()) if not node.args.get("db") else None
    own = node.name.lower()
    called = (alias.name.lower(),) if alias and alias.name else ()
    sql_name = env.statement.unique(called[0] if called else own)
    if cte:
        fields = tuple(
            replace(f, sql=f"{quoted(sql_name)}.{f.sql}", relation=called or (own,))
            for f in cte.fields
        )
        sql = f"{quoted(cte.sql_name)} AS {quoted(sql_name)}"
        return Relation(sql, renamed(env, fields, alias))
    table = find_table(env, node)
    path = called or ("hive", table.schema.lower(), table.name.lower())
    if table.view is not None:
        viewed = named(env, view_query(env, table), None)
        fields = tuple(replace(field, relation=path) for field in viewed.fields)
        return Relation(viewed.sql, renamed(env, fields, alias))
    fields = tuple(
        Field(
            column.name, parse_type(column.type), f"{quoted(sql_name)}.{quoted(column.name)}", path
        )
        for column in table.all_columns
    )
    sql = f"{quoted(table.schema)}.{quoted(table.name)} AS {quoted(sql_name)}"
    return Relation(sql, renamed(env, fields, alias))


def _lateral_query(env: Env, node: exp.Lateral) -> Relation:
    only(node, ("this", "alias"), "LATERAL")
    if not isinstance(node.this, exp.Subquery):
        raise unsupported(f"LATERAL {node.this.sql('trino')[:60]}")
    result = named(env, query_of(env, node.this), node.args.get("alias"))
    return replace(result, is_lateral=True)


def _unnest(env: Env, node: exp.Unnest) -> Relation:
    only(node, ("expressions", "alias", "offset"), "UNNEST")
    alias = node.args.get("alias")
    name = alias.name.lower() if alias else ""
    sql_name = env.statement.unique(name or "unnested")
    items: list[str] = []
    lengths: list[str] = []
    fields: list[Field] = []
    for node_ in node.expressions:
        value = env.value(node_)
        for array in _arrays(env, node_, value):
            column = f"c{len(items)}"
            items.append(f"unnest({array.sql}) AS {quoted(column)}")
            lengths.append(f"coalesce(len({array.sql}), 0)")
            place = f"{quoted(sql_name)}.{quoted(column)}"
            fields += _unnested(Value(place, array.type.items[0]))
    if node.args.get("offset"):
        longest = f"greatest({', '.join(lengths)})" if len(lengths) > 1 else lengths[0]
        items.append(f"unnest(range(1, CAST({longest} AS BIGINT) + 1)) AS {quoted('n')}")
        fields.append(Field("ordinality", BIGINT, f"{quoted(sql_name)}.{quoted('n')}"))
    known = tuple(replace(field, relation=(name,) if name else ()) for field in fields)
    sql = f"(SELECT {', '.join(items)}) AS {quoted(sql_name)}"
    offset = node.args["offset"] if isinstance(node.args.get("offset"), exp.Identifier) else None
    return Relation(sql, renamed(env, known, alias, last=offset), is_lateral=True)


def _arrays(env: Env, node: exp.Expr, value: Value) -> list[Value]:
    if value.type.base == "array":
        return [value]
    if value.type.base == "map":
        keys, items = (replace(value.type, base="array", items=(t,)) for t in value.type.items)
        return [Value(f"map_keys({value.sql})", keys), Value(f"map_values({value.sql})", items)]
    raise env.wrong(f"UNNEST takes arrays and maps, not {value.type}", node)


def _unnested(item: Value) -> list[Field]:
    """An element's column; a row's fields are columns of their own."""
    if item.type.base != "row":
        return [Field(None, item.type, item.sql)]
    return [
        Field(name, type_, f"struct_extract({item.sql}, {text_literal(name or '')})")
        for name, type_ in zip(item.type.names, item.type.items, strict=True)
    ]
