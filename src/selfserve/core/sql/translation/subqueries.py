"""Queries inside of expressions and of FROM. `queries.py` has the one that translates them."""

from collections.abc import Callable

from sqlglot import exp

from selfserve.core.sql.translation.comparisons import comparable, in_list
from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.output import Query
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import BOOLEAN, FLOATS
from selfserve.core.sql.translation.values import Value, coerced

QueryRule = Callable[[Env, exp.Expr], Query]
_RULES: dict[type[exp.Expr], QueryRule] = {}


def registers(*kinds: type[exp.Expr]) -> Callable[[QueryRule], QueryRule]:
    """Make a function the one that translates these kinds of queries."""

    def register(rule: QueryRule) -> QueryRule:
        _RULES.update(dict.fromkeys(kinds, rule))
        return rule

    return register


def query_of(env: Env, node: exp.Expr) -> Query:
    """The translation of a query; the scope of `env` is what is around it."""
    rule = _RULES.get(type(node))
    if rule is None:
        raise unsupported(f"{type(node).__name__.upper()} as a query")
    return rule(env, node)


@translates(exp.Subquery, parts=("this", "order", "limit", "offset", "with_"))
def _scalar(env: Env, node: exp.Subquery) -> Value:
    query = query_of(env, node)
    if len(query.columns) != 1:
        raise env.wrong(f"a query used as a value has {len(query.columns)} columns, not one", node)
    column = query.columns[0]
    return Value(f"({query.sql})", column.type, exact=column.exact)


@translates(exp.Exists)
def _exists(env: Env, node: exp.Exists) -> Value:
    select = node.this
    if isinstance(select, exp.Select) and isinstance(select.expressions[0], exp.Star):
        # the columns do not matter, not even those of a type that is refused
        select.set("expressions", [exp.Literal.number(1)])
    return Value(f"EXISTS ({query_of(env, node.this).sql})", BOOLEAN)


@translates(exp.In, parts=("this", "expressions", "query"))
def _in(env: Env, node: exp.In) -> Value:
    return _in_query(env, node) if node.args.get("query") else in_list(env, node)


def _in_query(env: Env, node: exp.In) -> Value:
    value = env.value(node.this)
    query = query_of(env, node.args["query"])
    if len(query.columns) != 1:
        raise env.wrong(f"the query of IN has {len(query.columns)} columns, not one", node)
    column = query.columns[0]
    common = comparable(env, node, "IN", (value, Value("", column.type)))
    if common.base in FLOATS:
        raise unsupported(f"IN (SELECT …) of {common}")
    query = query.typed([common], alias=env.statement.unique("q"))
    return Value(f"({coerced(value, common).sql} IN ({query.sql}))", BOOLEAN)
