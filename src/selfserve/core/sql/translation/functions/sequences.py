"""Arrays and maps, and what arrays share with strings.

Sources: https://trino.io/docs/current/functions/array.html, …/map.html, …/lambda.html
"""

from dataclasses import replace

from sqlglot import exp

from selfserve.core.sql.translation.comparisons import comparable
from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.functions.calls import Call, FunctionRule
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import (
    BIGINT,
    BOOLEAN,
    FLOATS,
    INTEGERS,
    VARCHAR,
    Type,
    array,
)
from selfserve.core.sql.translation.values import (
    Value,
    coerced,
    exactly,
    is_coercible,
    quoted,
)


def concatenated(call: Call, values: list[Value]) -> Value:
    """Text or arrays, one after the other; NULL if one is NULL."""
    if any(value.type.base == "array" for value in values):
        type_ = values[0].type
        if any(value.type != type_ for value in values):
            raise call.mismatch(values)
        return Value(f"({' || '.join(value.sql for value in values)})", type_)
    for value in values:
        if value.type.base not in {"varchar", "unknown"}:
            raise call.mismatch(values)
    # DuckDB forgets the type if one is the literal NULL
    return Value(
        f"CAST({' || '.join(coerced(v, VARCHAR).sql for v in values)} AS VARCHAR)", VARCHAR
    )


def _concat(call: Call) -> Value:
    return concatenated(call, call.some(2, 127))


def _of_array(call: Call, value: Value) -> Type:
    if value.type.base != "array":
        raise call.mismatch([value])
    return value.type.items[0]


@translates(exp.Bracket)
def _subscript(env: Env, node: exp.Bracket) -> Value:
    call = Call(env, "[ ]", node, [node.this, *node.expressions])
    value, index = call.some(2)
    if value.type.base == "map":
        raise unsupported("a map's value with [ ] (use element_at, which gives NULL for no key)")
    item = _of_array(call, value)
    index = _index(call, index)
    failure = env.fail("Array subscript out of bounds", item)
    outside = f"{index.sql} < 1 OR {index.sql} > len({value.sql})"
    return Value(
        f"(CASE WHEN {outside} THEN {failure} ELSE list_extract({value.sql}, {index.sql}) END)",
        item,
    )


def _index(call: Call, value: Value) -> Value:
    if value.type.base not in {*INTEGERS, "unknown"}:
        raise call.mismatch([value])
    return coerced(value, BIGINT)


def _element_at(call: Call) -> Value:
    value, key = call.some(2)
    if value.type.base == "map":
        key_type, item = value.type.items
        comparable(call.env, call.node, "=", (Value("", key_type), key))
        return Value(f"element_at({value.sql}, {coerced(key, key_type).sql})[1]", item)
    item = _of_array(call, value)
    index = _index(call, key)
    if index.sql == "CAST(0 AS BIGINT)":
        raise call.wrong("arrays count from 1")
    checked = index.sql
    if key.constant is None:
        failure = call.env.fail("SQL array indices start at 1", BIGINT)
        checked = f"(CASE WHEN {index.sql} = 0 THEN {failure} ELSE {index.sql} END)"
    return Value(f"list_extract({value.sql}, {checked})", item)


def _cardinality(call: Call) -> Value:
    (value,) = call.some(1)
    if value.type.base == "map":
        return Value(f"CAST(cardinality({value.sql}) AS BIGINT)", BIGINT)
    _of_array(call, value)
    return Value(f"CAST(len({value.sql}) AS BIGINT)", BIGINT)


def _contains(call: Call) -> Value:
    value, wanted = call.some(2)
    item = _of_array(call, value)
    if (
        comparable(call.env, call.node, "=", (Value("", item), wanted)) != item
        or item.base in FLOATS
    ):
        raise unsupported(f"contains with ({value.type}, {wanted.type})")
    found = f"list_contains({value.sql}, {coerced(wanted, item).sql})"
    has_null = f"len({value.sql}) > list_count({value.sql})"
    sql = (
        f"(CASE WHEN {wanted.sql} IS NULL THEN NULL WHEN {found} THEN TRUE "
        f"WHEN {has_null} THEN NULL ELSE {found} END)"
    )
    return Value(sql, BOOLEAN)


def _array_join(call: Call) -> Value:
    values = call.some(2, 3)
    item = _of_array(call, values[0])
    if item.base not in {"varchar", "boolean", *INTEGERS}:
        raise unsupported(f"array_join of {values[0].type}")
    x = "CAST(x AS VARCHAR)"
    shown = f"coalesce({x}, {values[2].sql})" if len(values) > 2 else x
    texts = f"list_transform({values[0].sql}, lambda x: {shown})"
    separator = coerced(values[1], VARCHAR).sql
    joined = f"coalesce(array_to_string({texts}, {separator}), '')"
    return Value(
        f"(CASE WHEN {values[0].sql} IS NULL OR {separator} IS NULL THEN NULL ELSE {joined} END)",
        VARCHAR,
    )


def _array_sort(call: Call) -> Value:
    (value,) = call.some(1)
    item = _of_array(call, value)
    comparable(call.env, call.node, "<", (Value("", item), Value("", item)))
    return Value(f"list_sort({value.sql}, 'ASC', 'NULLS LAST')", value.type)


def _extreme(function: str) -> FunctionRule:
    def rule(call: Call) -> Value:
        (value,) = call.some(1)
        item = _of_array(call, value)
        comparable(call.env, call.node, "<", (Value("", item), Value("", item)))
        if item.base in FLOATS:
            raise unsupported(f"{call.name} of {value.type}")
        some_null = f"len({value.sql}) > list_count({value.sql})"
        sql = f"(CASE WHEN {some_null} THEN NULL ELSE {function}({value.sql}) END)"
        return Value(sql, item)

    return rule


def _reverse(call: Call) -> Value:
    (value,) = call.some(1)
    if value.type.base in {"varchar", "unknown"}:
        text = coerced(value, VARCHAR).sql
        # DuckDB's reverse keeps combined characters together, Trino's does not
        sql = f"array_to_string(list_reverse(string_split({text}, '')), '')"
        return Value(f"(CASE WHEN {text} = '' THEN '' ELSE {sql} END)", value.type)
    _of_array(call, value)
    return Value(f"list_reverse({value.sql})", value.type)


def _lambda(call: Call, index: int, *types: Type) -> tuple[str, Value]:
    node = call.arguments[index]
    if not isinstance(node, exp.Lambda) or len(node.expressions) != len(types):
        raise call.wrong(f"{call.name} needs a lambda of {len(types)} here, such as x -> x + 1")
    names = [call.env.statement.unique(name.name.lower()) for name in node.expressions]
    variables = {
        variable.name.lower(): Value(quoted(name), type_)
        for variable, name, type_ in zip(node.expressions, names, types, strict=True)
    }
    env = replace(call.env, variables={**call.env.variables, **variables})
    return ", ".join(map(quoted, names)), env.value(node.this)


def _transform(call: Call) -> Value:
    if len(call.arguments) != 2:
        raise call.wrong("transform takes an array and a lambda")
    value = call.env.value(call.arguments[0])
    names, body = _lambda(call, 1, _of_array(call, value))
    body = exactly(body)
    return Value(f"list_transform({value.sql}, lambda {names}: {body.sql})", array(body.type))


def _filter(call: Call) -> Value:
    if len(call.arguments) != 2:
        raise call.wrong("filter takes an array and a lambda")
    value = call.env.value(call.arguments[0])
    names, body = _lambda(call, 1, _of_array(call, value))
    if not is_coercible(body.type, BOOLEAN):
        raise call.wrong(f"the lambda of filter gives {body.type}, not a boolean")
    condition = f"coalesce({coerced(body, BOOLEAN).sql}, FALSE)"
    return Value(f"list_filter({value.sql}, lambda {names}: {condition})", value.type)


def _map(call: Call) -> Value:
    values = call.some(0, 2)
    if len(values) != 2:
        raise unsupported("map() without arrays of keys and values")
    keys, items = (_of_array(call, value) for value in values)
    return Value(f"map({values[0].sql}, {values[1].sql})", Type("map", items=(keys, items)))


def _map_part(function: str, index: int) -> FunctionRule:
    def rule(call: Call) -> Value:
        (value,) = call.some(1)
        if value.type.base != "map":
            raise call.mismatch([value])
        return Value(f"{function}({value.sql})", array(value.type.items[index]))

    return rule


SEQUENCES: dict[str, FunctionRule] = {
    "concat": _concat,
    "element_at": _element_at,
    "cardinality": _cardinality,
    "contains": _contains,
    "array_join": _array_join,
    "array_sort": _array_sort,
    "array_min": _extreme("list_min"),
    "array_max": _extreme("list_max"),
    "reverse": _reverse,
    "transform": _transform,
    "filter": _filter,
    "map": _map,
    "map_keys": _map_part("map_keys", 0),
    "map_values": _map_part("map_values", 1),
}
