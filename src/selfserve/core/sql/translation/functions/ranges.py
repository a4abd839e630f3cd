"""sequence, slice and array_position: arrays made, cut and searched by numbers.

Source: https://trino.io/docs/current/functions/array.html
"""

from selfserve.core.sql.translation.comparisons import comparable
from selfserve.core.sql.translation.functions.calls import Call, FunctionRule
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import (
    BIGINT,
    DATE,
    DAYS,
    FLOATS,
    INTEGERS,
    Type,
    array,
)
from selfserve.core.sql.translation.values import Value, coerced

_MOST = 10_000  # entries of a sequence, in Trino
_DAY_MS = 86_400_000


def _sequence(call: Call) -> Value:
    values = call.some(2, 3)
    if all(value.type == DATE for value in values[:2]):
        return _of_days(call, values)
    if any(value.type.base not in INTEGERS for value in values):
        raise unsupported("sequence of anything but integers and dates")
    start, stop = (coerced(value, BIGINT).sql for value in values[:2])
    step = coerced(values[2], BIGINT).sql if len(values) > 2 else None
    return _checked(call, (start, stop, step), BIGINT)


def _of_days(call: Call, values: list[Value]) -> Value:
    step = None
    if len(values) > 2:
        milliseconds = values[2].constant
        days = values[2].type == DAYS and isinstance(milliseconds, int)
        if not days or int(milliseconds or 0) % _DAY_MS:
            raise unsupported("sequence of dates with a step that is not INTERVAL '…' DAY")
        step = f"CAST({int(milliseconds or 0) // _DAY_MS} AS BIGINT)"
    first = "CAST('1970-01-01' AS DATE)"
    start, stop = (f"CAST({value.sql} - {first} AS BIGINT)" for value in values[:2])
    numbers = _checked(call, (start, stop, step), BIGINT)
    days_sql = f"lambda n: {first} + CAST(n AS INTEGER)"
    return Value(f"list_transform({numbers.sql}, {days_sql})", array(DATE))


def _checked(call: Call, bounds: tuple[str, str, str | None], item: Type) -> Value:
    start, stop, given = bounds
    step = given or f"if({start} <= {stop}, 1, -1)"
    wide = f"(CAST({stop} AS HUGEINT) - {start})"
    failures = []
    if given:
        failure = call.env.fail("sequence does not reach its stop value", array(item))
        bad = f"sign({step}) = 0 OR sign({wide}) * sign({step}) < 0"
        failures.append(f"WHEN {bad} THEN {failure}")
    failure = call.env.fail(f"a sequence has at most {_MOST} entries", array(item))
    failures.append(f"WHEN {wide} // {step} >= {_MOST} THEN {failure}")
    sql = f"generate_series({start}, {stop}, {step})"
    return Value(f"(CASE {' '.join(failures)} ELSE {sql} END)", array(item))


def _slice(call: Call) -> Value:
    value, start, length = call.some(3)
    if value.type.base != "array" or any(v.type.base not in INTEGERS for v in (start, length)):
        raise call.mismatch([value, start, length])
    size = f"len({value.sql})"
    begin, most = coerced(start, BIGINT).sql, coerced(length, BIGINT).sql
    place = f"if({begin} < 0, {size} + {begin} + 1, {begin})"
    zero = call.env.fail("SQL array indices start at 1", value.type)
    negative = call.env.fail("the length of a slice must not be negative", value.type)
    end = f"{place} + least({most}, {size}) - 1"
    return Value(
        f"(CASE WHEN {begin} = 0 THEN {zero} WHEN {most} < 0 THEN {negative} "
        f"WHEN {most} IS NULL OR {begin} IS NULL THEN NULL "
        f"WHEN {place} < 1 OR {place} > {size} OR {most} = 0 THEN list_slice({value.sql}, 1, 0) "
        f"ELSE list_slice({value.sql}, {place}, {end}) END)",
        value.type,
    )


def _array_position(call: Call) -> Value:
    value, wanted = call.some(2)
    if value.type.base != "array":
        raise call.mismatch([value, wanted])
    item = value.type.items[0]
    common = comparable(call.env, call.node, "=", (Value("", item), wanted))
    if common != item or item.base in FLOATS:
        raise unsupported(f"array_position with ({value.type}, {wanted.type})")
    sought = coerced(wanted, item).sql
    known = f"{value.sql} IS NOT NULL AND {sought} IS NOT NULL"
    found = f"CAST(coalesce(list_position({value.sql}, {sought}), 0) AS BIGINT)"
    return Value(f"(CASE WHEN {known} THEN {found} END)", BIGINT)


RANGES: dict[str, FunctionRule] = {
    "sequence": _sequence,
    "slice": _slice,
    "array_position": _array_position,
}
