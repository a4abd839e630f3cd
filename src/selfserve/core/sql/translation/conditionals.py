"""CASE, IF, COALESCE and their like.

Source: https://trino.io/docs/current/functions/conditional.html
"""

from sqlglot import exp

from selfserve.core.sql.translation.comparisons import boolean, compared
from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.literals import common_of
from selfserve.core.sql.translation.types import UNKNOWN
from selfserve.core.sql.translation.values import Value, coerced


@translates(exp.Case, parts=("this", "ifs", "default"))
def _case(env: Env, node: exp.Case) -> Value:
    operand = env.value(node.this) if node.this else None
    conditions = []
    for branch in node.args["ifs"]:
        if operand is None:
            conditions.append(boolean(env, branch.this, "WHEN"))
        else:
            conditions.append(compared(env, branch, "=", (operand, env.value(branch.this))))
    results = [env.value(branch.args["true"]) for branch in node.args["ifs"]]
    default = node.args.get("default")
    results.append(env.value(default) if default else Value("NULL", UNKNOWN))
    return chosen(env, node, conditions, results)


@translates(exp.If, parts=("this", "true", "false"))
def _if(env: Env, node: exp.If) -> Value:
    otherwise = node.args.get("false")
    results = [env.value(node.args["true"])]
    results.append(env.value(otherwise) if otherwise else Value("NULL", UNKNOWN))
    return chosen(env, node, [boolean(env, node.this, "IF")], results)


def chosen(env: Env, node: exp.Expr, conditions: list[Value], results: list[Value]) -> Value:
    """A CASE; the last of the results is for when no condition holds."""
    type_ = common_of(env, results, node)
    if type_ == UNKNOWN:
        return Value("NULL", UNKNOWN)
    branches = " ".join(
        f"WHEN {condition.sql} THEN {coerced(result, type_).sql}"
        for condition, result in zip(conditions, results, strict=False)
    )
    return Value(f"(CASE {branches} ELSE {coerced(results[-1], type_).sql} END)", type_)
