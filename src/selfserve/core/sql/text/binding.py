"""Hand the values of parameters over to an engine, in the way that it takes them. Pure.

A text without placeholders comes back as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.literals import to_literal
from selfserve.core.sql.text.parameter_types import Scalar, as_items
from selfserve.core.sql.text.parameters import Parameter, find_placeholders, name_of
from selfserve.core.sql.text.tokens import TokenKind, error_at, scan


def bind_positional(
    text: str, parameters: Mapping[str, Parameter], *, engine: Engine = Engine.TRINO
) -> tuple[str, tuple[Scalar, ...]]:
    """The text with a `?` for each value, and the values in that order; a list has many.

    Raises:
        SqlError: there is a `?` in the text already.
    """
    values: list[Scalar] = []

    def replace(parameter: Parameter) -> str:
        items = as_items(parameter.value)
        values.extend(items)
        return ", ".join("?" * len(items))

    if find_placeholders(text, engine):
        _refuse_question_marks(text, engine)
    return _replaced(text, parameters, engine, replace), tuple(values)


def bind_literals(text: str, parameters: Mapping[str, Parameter], engine: Engine) -> str:
    """The text with the values as literals, for Hive and for Spark before 3.4."""

    def replace(parameter: Parameter) -> str:
        return to_literal(parameter.value, parameter.type, engine)

    return _replaced(text, parameters, engine, replace)


def to_dollar(
    text: str, parameters: Mapping[str, Parameter], *, engine: Engine = Engine.TRINO
) -> tuple[str, dict[str, Scalar]]:
    """The text, still in the engine's SQL, with DuckDB's `$day`, and values by name.

    Each value of a list has a name of its own: `$ids_1, $ids_2`.
    """
    used = find_placeholders(text, engine)
    names = _names({name: parameters[name] for name in used})

    def replace(parameter: Parameter) -> str:
        return ", ".join(f"${name}" for name in names[parameter.name])

    values = {
        name: item
        for parameter, its_names in names.items()
        for name, item in zip(its_names, as_items(parameters[parameter].value), strict=True)
    }
    return _replaced(text, parameters, engine, replace), values


@dataclass(frozen=True, slots=True)
class Named:
    """A statement whose places are all of single values, with their types and values."""

    text: str
    types: Mapping[str, str]
    values: Mapping[str, Scalar]


def to_named(text: str, parameters: Mapping[str, Parameter], *, engine: Engine) -> Named:
    """The text as it is, but for lists: each of their values gets a place, `:ids_1, :ids_2`."""
    names = _names({name: parameters[name] for name in find_placeholders(text, engine)})

    def replace(parameter: Parameter) -> str:
        return ", ".join(f":{name}" for name in names[parameter.name])

    types, values = dict[str, str](), dict[str, Scalar]()
    for parameter, its_names in names.items():
        wanted = parameters[parameter]
        types |= dict.fromkeys(its_names, str(wanted.type.item))
        values |= zip(its_names, as_items(wanted.value), strict=True)
    return Named(_replaced(text, parameters, engine, replace), types, values)


def _replaced(
    text: str,
    parameters: Mapping[str, Parameter],
    engine: Engine,
    replace: Callable[[Parameter], str],
) -> str:
    """The text with `replace` of each placeholder's parameter in its place."""
    return "".join(
        replace(parameters[name_of(token, text)])
        if token.kind is TokenKind.PLACEHOLDER
        else token.text
        for token in scan(text, engine)
    )


def _refuse_question_marks(text: str, engine: Engine) -> None:
    for token in scan(text, engine):
        if token.kind is TokenKind.QUESTION:
            raise error_at(
                text,
                token,
                "a statement with named parameters cannot have a ? of its own.",
                hint="Give it a name, such as :day, and a value: --param day=2026-01-31",
            )


def _names(parameters: Mapping[str, Parameter]) -> dict[str, tuple[str, ...]]:
    """A name for each value, different from all others."""
    names: dict[str, tuple[str, ...]] = {
        name: (name,) for name, one in parameters.items() if not one.type.is_list
    }
    taken = set(names)
    for name, parameter in parameters.items():
        if not parameter.type.is_list:
            continue
        stem, count = f"{name}_", len(as_items(parameter.value))
        while taken.intersection(of_list := [f"{stem}{at}" for at in range(1, count + 1)]):
            stem += "_"
        names[name] = tuple(of_list)
        taken.update(of_list)
    return names
