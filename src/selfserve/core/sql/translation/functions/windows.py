"""Window functions and OVER.

Source: https://trino.io/docs/current/functions/window.html
"""

from collections.abc import Callable

from sqlglot import exp

from selfserve.core.sql.translation.env import Env
from selfserve.core.sql.translation.functions.calls import Call
from selfserve.core.sql.translation.literals import common_of
from selfserve.core.sql.translation.ordering import ordered
from selfserve.core.sql.translation.places import only, unsupported
from selfserve.core.sql.translation.types import BIGINT, DOUBLE, Type
from selfserve.core.sql.translation.values import Value, coerced, exactly

WindowRule = Callable[[Call, str], Value]


def over(env: Env, node: exp.Window) -> str:
    """The OVER clause."""
    pieces = []
    if node.args.get("partition_by"):
        keys = ", ".join(env.value(key).sql for key in node.args["partition_by"])
        pieces.append(f"PARTITION BY {keys}")
    order = node.args.get("order")
    if order:
        pieces.append(f"ORDER BY {', '.join(ordered(env, key) for key in order.expressions)}")
    if node.args.get("spec"):
        pieces.append(_frame(env, node.args["spec"]))
    return f" OVER ({' '.join(pieces)})"


def _frame(env: Env, spec: exp.WindowSpec) -> str:
    only(spec, ("kind", "start", "start_side", "end", "end_side"), "a window's frame")
    kind = str(spec.args["kind"]).upper()
    start = _bound(env, kind, spec.args.get("start"), spec.args.get("start_side"))
    if not spec.args.get("end"):
        return f"{kind} {start}"
    end = _bound(env, kind, spec.args.get("end"), spec.args.get("end_side"))
    return f"{kind} BETWEEN {start} AND {end}"


def _bound(env: Env, kind: str, bound: str | exp.Expr | None, side: str | None) -> str:
    if isinstance(bound, exp.Expr):
        number = env.value(bound).constant
        if kind != "ROWS" or not isinstance(number, int):
            raise unsupported(
                f"a window's frame of {kind} {bound.sql('trino')} {side or ''}".strip()
            )
        return f"{number} {str(side).upper()}"
    return f"{bound} {side or ''}".strip().upper()


def _rank(function: str, type_: Type = BIGINT) -> WindowRule:
    def rule(call: Call, tail: str) -> Value:
        call.some(0)
        return Value(f"{function}(){tail}", type_)

    return rule


def _ntile(call: Call, tail: str) -> Value:
    (value,) = call.some(1)
    if not isinstance(value.constant, int) or value.constant < 1:
        raise unsupported("ntile with anything but a number")
    return Value(f"ntile({value.constant}){tail}", BIGINT)


def _edge(function: str) -> WindowRule:
    def rule(call: Call, tail: str) -> Value:
        (value,) = call.some(1)
        value = exactly(value)
        return Value(f"{function}({value.sql}){tail}", value.type)

    return rule


def _neighbour(function: str) -> WindowRule:
    def rule(call: Call, tail: str) -> Value:
        values = call.some(1, 3)
        offset = values[1].constant if len(values) > 1 else 1
        if not isinstance(offset, int) or offset < 0:
            raise unsupported(f"{call.name} with an offset that is not a number")
        type_ = values[0].type
        if len(values) == 3:
            type_ = common_of(call.env, [values[0], values[2]], call.node)
        arguments = [coerced(values[0], type_).sql, str(offset)]
        arguments += [coerced(value, type_).sql for value in values[2:]]
        return Value(f"{function}({', '.join(arguments)}){tail}", type_)

    return rule


def _nth(call: Call, tail: str) -> Value:
    values = call.some(2)
    if not isinstance(values[1].constant, int) or values[1].constant < 1:
        raise unsupported("nth_value with anything but a number")
    value = exactly(values[0])
    return Value(f"nth_value({value.sql}, {values[1].constant}){tail}", value.type)


WINDOWS: dict[str, WindowRule] = {
    "row_number": _rank("row_number"),
    "rank": _rank("rank"),
    "dense_rank": _rank("dense_rank"),
    "percent_rank": _rank("percent_rank", DOUBLE),
    "cume_dist": _rank("cume_dist", DOUBLE),
    "ntile": _ntile,
    "first_value": _edge("first_value"),
    "last_value": _edge("last_value"),
    "nth_value": _nth,
    "lag": _neighbour("lag"),
    "lead": _neighbour("lead"),
}
