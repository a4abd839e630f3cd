"""Set operations, VALUES, and TABLE.

Source: https://trino.io/docs/current/sql/select.html and …/values.html
"""

from dataclasses import replace

from sqlglot import exp

from selfserve.core.sql.translation.env import Env
from selfserve.core.sql.translation.literals import common_of
from selfserve.core.sql.translation.modifiers import MODIFIERS, modified, with_clause
from selfserve.core.sql.translation.output import OutputColumn, Query, selected, sql_names
from selfserve.core.sql.translation.places import only
from selfserve.core.sql.translation.relations import relation
from selfserve.core.sql.translation.scope import Scope
from selfserve.core.sql.translation.subqueries import query_of, registers
from selfserve.core.sql.translation.types import common_type
from selfserve.core.sql.translation.values import coerced, quoted

_SET_WORDS: dict[type[exp.Expr], str] = {
    exp.Union: "UNION",
    exp.Intersect: "INTERSECT",
    exp.Except: "EXCEPT",
}


@registers(exp.Union, exp.Intersect, exp.Except)
def _set_operation(env: Env, node: exp.Expr) -> Query:
    only(node, ("this", "expression", "distinct", *MODIFIERS), "a set operation")
    word = _SET_WORDS[type(node)]
    env, with_ = with_clause(env.inside(), node)
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
    return modified(env, node, query, with_)


def _cells(row: exp.Expr) -> list[exp.Expr]:
    cells = row.expressions if isinstance(row, exp.Tuple) else [row]
    if len(cells) == 1 and isinstance(cells[0], exp.Anonymous) and cells[0].name.lower() == "row":
        return list(cells[0].expressions)
    return list(cells)


@registers(exp.Values)
def _values(env: Env, node: exp.Expr) -> Query:
    only(node, ("expressions", "alias", *MODIFIERS), "VALUES")
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
    return modified(env, node, Query(sql, columns), "")


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
