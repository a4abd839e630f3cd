"""Keys of ORDER BY: NULLs come last in Trino, whichever the direction.

Source: https://trino.io/docs/current/sql/select.html#order-by-clause
"""

from sqlglot import exp

from selfserve.core.sql.translation.env import Env
from selfserve.core.sql.translation.places import only, unsupported

_UNORDERED = {"map", "json", "row", "array"}


def ordered(env: Env, node: exp.Expr) -> str:
    """One key."""
    key = node.this if isinstance(node, exp.Ordered) else node
    if isinstance(node, exp.Ordered):
        only(node, ("this", "desc", "nulls_first"), "ORDER BY")
    value = env.value(key)
    if value.type.base in _UNORDERED:
        raise unsupported(f"ORDER BY values of type {value.type}")
    return f"{value.sql}{direction(node)}"


def direction(node: exp.Expr) -> str:
    """ASC or DESC, and where NULLs go."""
    descending = isinstance(node, exp.Ordered) and node.args.get("desc")
    first = isinstance(node, exp.Ordered) and node.args.get("nulls_first")
    return f" {'DESC' if descending else 'ASC'} NULLS {'FIRST' if first else 'LAST'}"
