"""Columns by name, and fields of rows."""

from sqlglot import exp

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.values import Value, text_literal

_DESCRIBE = 'See its columns with: selfserve sql "describe TABLE"'


@translates(exp.Column, parts=("this", "table", "db", "catalog"))
def _column(env: Env, node: exp.Column) -> Value:
    parts = [part for part in node.parts if isinstance(part, exp.Identifier)]
    path = tuple(part.name.lower() for part in parts)
    for length in range(len(path), 0, -1):
        found = env.scope.find(path[:length])
        if len(found) > 1:
            raise _ambiguous(env, node, parts[length - 1].name)
        if found:
            value = found[0].value()
            if value.type.base == "char":
                raise unsupported(f"columns of type {value.type} ({parts[length - 1].name})")
            for part in parts[length:]:
                value = field_of(env, value, part)
            return value
    raise _unknown(env, parts)


def _ambiguous(env: Env, node: exp.Column, name: str) -> Exception:
    hint = f"Say which table it is of, such as t.{name}."
    return env.wrong(f"column {name!r} is ambiguous: more than one table has it", node, hint=hint)


def _unknown(env: Env, parts: list[exp.Identifier]) -> Exception:
    relations = {name.lower() for name in env.scope.relations()}
    if len(parts) > 1 and parts[-2].name.lower() not in relations:
        wrong = parts[-2]
        guess = did_you_mean(wrong.name, relations)
        what = f"there is no table {wrong.name!r} in this FROM{guess}"
        return env.wrong(what, wrong, hint="Name a table, or its alias, that stands in FROM.")
    column = parts[-1]
    guess = did_you_mean(column.name, env.scope.names())
    what = f"there is no column {column.name!r}{guess}"
    return env.wrong(what, column, hint=_hint(env))


def _hint(env: Env) -> str:
    table = next(reversed(env.statement.tables.values()), None)
    return _DESCRIBE.replace("TABLE", table.full_name if table else "TABLE")


def field_of(env: Env, value: Value, part: exp.Identifier) -> Value:
    """A field of a row."""
    names = [name.lower() if name else None for name in value.type.names]
    wanted = part.name.lower()
    if value.type.base != "row" or wanted not in names:
        guess = did_you_mean(part.name, [name for name in names if name])
        raise env.wrong(f"there is no field {part.name!r} in a {value.type}{guess}", part)
    item = value.type.items[names.index(wanted)]
    return Value(f"struct_extract({value.sql}, {text_literal(part.name)})", item)


@translates(exp.Dot)
def _dot(env: Env, node: exp.Dot) -> Value:
    if not isinstance(node.expression, exp.Identifier):
        raise unsupported(f"a name such as {node.sql('trino')}")
    return field_of(env, env.value(node.this), node.expression)


@translates(exp.Identifier, parts=("this", "quoted"))
def _variable(env: Env, node: exp.Identifier) -> Value:
    value = env.variables.get(node.name.lower())
    if value is None:
        raise env.wrong(f"there is no {node.name!r}", node)
    return value
