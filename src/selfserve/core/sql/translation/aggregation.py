"""See that a query which aggregates uses no column outside of its groups.

DuckDB would say so as well, but about its own text and without the place in the user's.
"""

from collections.abc import Iterable

from sqlglot import exp

from selfserve.core.sql.translation.env import Env
from selfserve.core.sql.translation.functions.aggregates import AGGREGATES


def check_groups(
    env: Env, select: exp.Select, items: Iterable[exp.Expr], keys: Iterable[exp.Expr]
) -> None:
    """Check the SELECT list and HAVING of `select` against the keys of its GROUP BY.

    Raises:
        SqlError: A column is neither a key nor inside an aggregate function.
    """
    having = select.args.get("having")
    shown = [*items, *([having.this] if having else ())]
    if not select.args.get("group") and not any(map(_aggregates, shown)):
        return
    known = {env.value(key).sql for key in keys}
    for node in shown:
        _check(env, node, known)


def _is_aggregate(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() in AGGREGATES


def _aggregates(node: exp.Expr) -> bool:
    """Whether an aggregate function stands in it that is not over a window."""
    if isinstance(node, exp.Query):
        return False
    if isinstance(node, exp.Window):
        called = node.this.this if isinstance(node.this, exp.Filter) else node.this
        return any(map(_aggregates, called.iter_expressions()))
    return _is_aggregate(node) or any(map(_aggregates, node.iter_expressions()))


def _check(env: Env, node: exp.Expr, known: set[str]) -> None:
    if isinstance(node, (exp.Query, exp.Lambda, exp.DataType, exp.Identifier)):
        return
    if _is_aggregate(node) or (isinstance(node, exp.Filter) and _is_aggregate(node.this)):
        return
    if isinstance(node, exp.Anonymous) and node.name.lower() == "grouping":
        return
    if isinstance(node, exp.Column):
        _check_column(env, node, known)
    elif not _is_key(env, node, known):
        for part in _parts(node):
            _check(env, part, known)


def _parts(node: exp.Expr) -> Iterable[exp.Expr]:
    if not isinstance(node, exp.Window):
        return node.iter_expressions()
    called = node.this.this if isinstance(node.this, exp.Filter) else node.this
    order = node.args.get("order")
    return [
        *called.expressions,
        *(node.args.get("partition_by") or ()),
        *(key.this for key in (order.expressions if order else ())),
    ]


def _is_key(env: Env, node: exp.Expr, known: set[str]) -> bool:
    return env.translates(node) and env.value(node).sql in known


def _check_column(env: Env, node: exp.Column, known: set[str]) -> None:
    if env.value(node).sql in known:
        return
    path = tuple(part.name.lower() for part in node.parts)
    own = [f for n in range(1, len(path) + 1) for f in env.scope.fields if f.is_called(path[:n])]
    if own and not any(field.sql in known for field in own):
        what = f"column {node.name!r} is neither in GROUP BY nor inside an aggregate function"
        raise env.wrong(what, node, hint="Add it to GROUP BY, or take such as any_value of it.")
