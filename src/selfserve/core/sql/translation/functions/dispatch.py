"""Which rule translates a call: scalar, aggregate or window function, or an error by name."""

from sqlglot import exp

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.sql.translation.comparisons import boolean
from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.functions.aggregates import AGGREGATES, Aggregation
from selfserve.core.sql.translation.functions.binary import BINARY
from selfserve.core.sql.translation.functions.calls import Call, FunctionRule
from selfserve.core.sql.translation.functions.conditional import CONDITIONAL
from selfserve.core.sql.translation.functions.dates import DATES
from selfserve.core.sql.translation.functions.documents import DOCUMENTS
from selfserve.core.sql.translation.functions.known import TRINO_FUNCTIONS
from selfserve.core.sql.translation.functions.numeric import NUMERIC
from selfserve.core.sql.translation.functions.patterns import PATTERNS
from selfserve.core.sql.translation.functions.ranges import RANGES
from selfserve.core.sql.translation.functions.sequences import SEQUENCES
from selfserve.core.sql.translation.functions.strings import STRINGS
from selfserve.core.sql.translation.functions.windows import WINDOWS, over
from selfserve.core.sql.translation.ordering import ordered
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import INTEGER
from selfserve.core.sql.translation.values import Value

SCALARS: dict[str, FunctionRule] = {
    **CONDITIONAL,
    **NUMERIC,
    **STRINGS,
    **SEQUENCES,
    **DATES,
    **PATTERNS,
    **DOCUMENTS,
    **RANGES,
    **BINARY,
}
_WHY = {
    "approx_distinct": "approximate, so no two engines agree",
    "approx_percentile": "approximate, so no two engines agree",
    "rand": "random",
    "random": "random",
    "uuid": "random",
    "shuffle": "random",
}


@translates(exp.Anonymous)
def _function(env: Env, node: exp.Anonymous) -> Value:
    name = node.name.lower()
    if name in AGGREGATES:
        return _aggregate(env, node, Aggregation())
    if name == "grouping":
        return _grouping(env, node)
    if name in WINDOWS:
        raise env.wrong(f"{name} needs OVER (…)", node)
    rule = SCALARS.get(name)
    if rule is None:
        raise _no_rule(env, node, name)
    return rule(Call(env, name, node, node.expressions))


def _no_rule(env: Env, node: exp.Anonymous, name: str) -> Exception:
    if name in TRINO_FUNCTIONS:
        why = f" ({_WHY[name]})" if name in _WHY else ""
        return unsupported(f"{node.name}(){why}")
    return env.wrong(
        f"there is no function {node.name!r}{did_you_mean(name, TRINO_FUNCTIONS)}", node,
        hint="See Trino's functions: https://trino.io/docs/current/functions/list.html",
    )  # fmt: skip


def _grouping(env: Env, node: exp.Anonymous) -> Value:
    columns = ", ".join(env.value(column).sql for column in node.expressions)
    return Value(f"CAST(grouping({columns}) AS INTEGER)", INTEGER)


def _aggregate(env: Env, node: exp.Anonymous, around: Aggregation) -> Value:
    name = node.name.lower()
    arguments = list(node.expressions)
    order = ""
    if arguments and isinstance(arguments[-1], exp.Order):
        if name != "array_agg":
            raise unsupported(f"ORDER BY in {name}")
        order = f" ORDER BY {', '.join(ordered(env, key) for key in arguments[-1].expressions)}"
        arguments[-1] = arguments[-1].this
    distinct = bool(arguments) and isinstance(arguments[0], exp.Distinct)
    if distinct:
        arguments = list(arguments[0].expressions)
    if arguments and isinstance(arguments[0], exp.Star):
        if name != "count" or distinct:
            raise env.wrong(f"{name}(*) is not possible", node)
        arguments = []
    if distinct and len(arguments) > 1:
        raise unsupported(f"{name}(DISTINCT …) of several columns")
    call = Call(env, name, node, arguments)
    return AGGREGATES[name](call, Aggregation(distinct, order, around.tail, around.is_window))


@translates(exp.Filter)
def _filtered(env: Env, node: exp.Filter) -> Value:
    return _with_tail(env, node.this, _filter_clause(env, node))


def _filter_clause(env: Env, node: exp.Filter) -> str:
    return f" FILTER (WHERE {boolean(env, node.expression.this, 'FILTER').sql})"


@translates(exp.Window, parts=("this", "partition_by", "order", "spec", "over"))
def _window(env: Env, node: exp.Window) -> Value:
    inner = node.this
    if isinstance(inner, (exp.IgnoreNulls, exp.RespectNulls)):
        raise unsupported("IGNORE NULLS or RESPECT NULLS")
    called = inner.this if isinstance(inner, exp.Filter) else inner
    if any(isinstance(argument, exp.Distinct) for argument in called.expressions):
        raise env.wrong(f"{called.name}(DISTINCT …) does not go with OVER", called)
    tail = over(env, node)
    if isinstance(inner, exp.Filter):
        return _with_tail(env, inner.this, _filter_clause(env, inner) + tail)
    if isinstance(inner, exp.Anonymous) and inner.name.lower() in WINDOWS:
        name = inner.name.lower()
        return WINDOWS[name](Call(env, name, inner, inner.expressions), tail)
    return _with_tail(env, inner, tail)


def _with_tail(env: Env, node: exp.Expr, tail: str) -> Value:
    if not isinstance(node, exp.Anonymous) or node.name.lower() not in AGGREGATES:
        name = node.name if isinstance(node, exp.Anonymous) else node.sql("trino")
        if (
            isinstance(node, exp.Anonymous)
            and name.lower() in TRINO_FUNCTIONS
            and name.lower() not in SCALARS
        ):
            raise unsupported(f"{name}()")
        raise env.wrong(f"{name} is no aggregate function", node)
    return _aggregate(env, node, Aggregation(tail=tail))
