"""GROUP BY, with ROLLUP, CUBE and GROUPING SETS.

Source: https://trino.io/docs/current/sql/select.html#group-by-clause
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp

from selfserve.core.sql.translation.env import Env
from selfserve.core.sql.translation.places import only, unsupported
from selfserve.core.sql.translation.values import Value

_SETS: dict[type[exp.Expr], str] = {
    exp.Rollup: "ROLLUP",
    exp.Cube: "CUBE",
    exp.GroupingSets: "GROUPING SETS",
}


def group_by(env: Env, group: exp.Group, items: Sequence[Value]) -> str:
    """What follows GROUP BY; `items` is the SELECT list, for numbers."""
    if group.args.get("all") is False:
        raise unsupported("GROUP BY DISTINCT")
    only(group, ("expressions", "rollup", "cube", "grouping_sets"), "GROUP BY")
    parts = [
        *group.expressions,
        *(
            node
            for key in ("rollup", "cube", "grouping_sets")
            for node in group.args.get(key) or ()
        ),
    ]
    return ", ".join(_element(env, part, items) for part in parts)


def keys_of(group: exp.Group | None, items: Sequence[exp.Expr]) -> Iterator[exp.Expr]:
    """The expressions that are grouped by; `items` is the SELECT list, for numbers."""
    for node in group.expressions if group else ():
        yield from _keys(node, items)


def _keys(node: exp.Expr, items: Sequence[exp.Expr]) -> Iterator[exp.Expr]:
    if type(node) in _SETS or isinstance(node, exp.Tuple):
        for part in node.expressions:
            yield from _keys(part, items)
    elif isinstance(node, exp.Literal) and not node.is_string:
        yield items[int(node.this) - 1]
    else:
        yield node


def _element(env: Env, node: exp.Expr, items: Sequence[Value]) -> str:
    word = _SETS.get(type(node))
    if word or isinstance(node, exp.Tuple):
        inner = ", ".join(_element(env, part, items) for part in node.expressions)
        return f"{word or ''}({inner})"
    if isinstance(node, exp.Paren):
        return f"({_element(env, node.this, items)})"
    if isinstance(node, exp.Literal) and not node.is_string:
        return _numbered(env, node, items)
    return env.value(node).sql


def _numbered(env: Env, node: exp.Literal, items: Sequence[Value]) -> str:
    if not node.this.isdigit() or not 1 <= int(node.this) <= len(items):
        raise env.wrong(f"GROUP BY {node.this}: there are {len(items)} columns", node)
    item = items[int(node.this) - 1]
    # a number in DuckDB's GROUP BY is a position as well, so a constant stays a number
    return node.this if item.constant is not None else item.sql
