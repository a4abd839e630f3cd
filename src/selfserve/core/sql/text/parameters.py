"""Parameters of statements: `:day` in the text, `--param day=2026-01-31` on the command line.

Pure. What was typed becomes a value of a type here, and is never pasted into a statement;
binding.py hands the values over to an engine.

A type is declared in a saved query's header, or given with the value (`day:date=2026-01-31`),
or else inferred; `parameter_types.infer` says how. Quotes around a value make it a varchar.
A list's type ends with []; its values have commas between them, or the option is repeated.
"""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.parameter_types import (
    TYPE_NAMES,
    VARCHAR,
    ParameterType,
    Scalar,
    Value,
    as_items,
    fitted,
    infer,
    parse_type,
    parse_value,
)
from selfserve.core.sql.text.tokens import Token, TokenKind, error_at, scan
from selfserve.errors import BadInputError


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a statement gets: Python's own, a tuple of them for a list."""

    name: str
    type: ParameterType
    value: Value


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a saved query says of a parameter; without a default it must be given."""

    type: ParameterType
    default: Value | None = None


@dataclass(frozen=True, slots=True)
class _Given:
    """One `--param` option."""

    name: str
    type: ParameterType | None
    text: str


_GIVEN = re.compile(r"(\w+)\s*(?::([^=]+))?=(.*)", re.DOTALL)
_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def find_placeholders(text: str, engine: Engine) -> tuple[str, ...]:
    """Names of the parameters in a statement or a script, each once, in their order.

    Raises:
        SqlError: a name has other characters than a to z, 0 to 9 and _.
    """
    tokens = (token for token in scan(text, engine) if token.kind is TokenKind.PLACEHOLDER)
    return tuple(dict.fromkeys(name_of(token, text) for token in tokens))


def name_of(placeholder: Token, text: str) -> str:
    """The name of the parameter that belongs at this token of `text`.

    Raises:
        SqlError: it has other characters than a to z, 0 to 9 and _.
    """
    name = placeholder.text[1:]
    if not _NAME.fullmatch(name):
        raise error_at(
            text,
            placeholder,
            f"{placeholder.text} cannot be the name of a parameter.",
            hint="Names have the letters a to z, digits and _, such as "
            f":{name.lower() if _NAME.fullmatch(name.lower()) else 'day'}",
        )
    return name


def parse_parameters(
    given: Sequence[str], declared: Mapping[str, Declaration], *, used: Collection[str]
) -> dict[str, Parameter]:
    """Values for the placeholders `used`, from options such as `day=2026-01-31` and defaults.

    Raises:
        BadInputError: a value is missing, not of its type, or for a placeholder that is not
            there; or a parameter that is no list is given twice.
    """
    by_name: dict[str, list[_Given]] = {}
    for option in map(_parse_given, given):
        _refuse_unused(option.name, used)
        by_name.setdefault(option.name, []).append(option)
    _refuse_missing([name for name in used if name not in by_name], declared)
    return {
        name: _evaluate(by_name[name], declared.get(name))
        if name in by_name
        else Parameter(name, declared[name].type, _default(declared[name]))
        for name in used
    }


def to_typed(parameter: Parameter) -> tuple[str, str]:
    """The type, and the value as it could be typed again; a list's values in quotes."""
    if isinstance(parameter.value, tuple):
        return str(parameter.type), ",".join(_quoted(item) for item in parameter.value)
    return str(parameter.type), _quoted(parameter.value)


def is_name(text: str) -> bool:
    """Whether a parameter can be called so."""
    return _NAME.fullmatch(text) is not None


def _parse_given(option: str) -> _Given:
    found = _GIVEN.fullmatch(option)
    if found is None:
        raise BadInputError(
            f"--param {shlex.quote(option)} is not of the form NAME=VALUE.",
            hint="Write, for example: --param day=2026-01-31",
        )
    name, type_text, text = found.groups()
    if type_text is None:
        return _Given(name, None, text)
    try:
        return _Given(name, parse_type(type_text), text)
    except ValueError as error:
        raise BadInputError(
            f"--param {shlex.quote(option)}: {error}{did_you_mean(type_text, TYPE_NAMES)}",
            hint=type_hint(),
        ) from error


def type_hint() -> str:
    """All types, for people."""
    return (
        "Types are varchar, integer, bigint, double, decimal, decimal(12,2), boolean, date and "
        "timestamp; with [] after it, a list."
    )


def _refuse_unused(name: str, used: Collection[str]) -> None:
    if name in used:
        return
    others = ", ".join(f":{other}" for other in used)
    raise BadInputError(
        f"The statement has no :{name} for --param {name}{did_you_mean(name, used)}",
        hint=f"Its parameters are {others}."
        if others
        else f"Write :{name} in the statement where the value belongs, or leave --param out.",
    )


def _refuse_missing(names: Sequence[str], declared: Mapping[str, Declaration]) -> None:
    missing = [name for name in names if name not in declared or declared[name].default is None]
    if not missing:
        return
    values = {
        name: declared[name].type.example if name in declared else "VALUE" for name in missing
    }
    what = "The parameter" if len(missing) == 1 else "The parameters"
    raise BadInputError(
        f"{what} {_listed([f':{name}' for name in missing])} "
        f"{'has' if len(missing) == 1 else 'have'} no value.",
        hint="Add: " + " ".join(_option(name, value) for name, value in values.items()),
    )


def _default(declaration: Declaration) -> Value:
    if declaration.default is None:
        raise ValueError("a parameter without default is refused when it is missing")
    return declaration.default


def _evaluate(options: Sequence[_Given], declaration: Declaration | None) -> Parameter:
    name = options[0].name
    types = {option.type for option in options if option.type is not None}
    types |= {declaration.type} if declaration is not None else set()
    if len(types) > 1:
        raise BadInputError(
            f"--param {name} is said to be {_listed(sorted(map(str, types)))}.",
            hint=f"Leave the type out: {_option(name, options[0].text)}"
            if declaration is not None
            else "Give it one type.",
        )
    wanted = next(iter(types), None)
    if len(options) > 1 and (wanted is None or not wanted.is_list):
        raise _given_twice(options)
    values = [_evaluate_one(option, wanted) for option in options]
    if wanted is None or not wanted.is_list:
        return values[0]
    items = tuple(item for parameter in values for item in as_items(parameter.value))
    return Parameter(name, _fitted(name, wanted, items), items)


def _evaluate_one(option: _Given, wanted: ParameterType | None) -> Parameter:
    try:
        if wanted is None:
            return Parameter(option.name, *infer(option.text))
        value = parse_value(option.text, wanted)
    except ValueError as error:
        raise BadInputError(
            f"--param {_shown(option)}: {option.name} is {_a(str(wanted or VARCHAR))}, "
            f"but {error}.",
            hint="Write it like this: "
            f"{_option(option.name, wanted.example if wanted else 'VALUE')}",
        ) from error
    return Parameter(option.name, _fitted(option.name, wanted, value), value)


def _fitted(name: str, wanted: ParameterType, value: Value) -> ParameterType:
    try:
        return fitted(wanted, value)
    except ValueError as error:
        raise BadInputError(
            f"--param {name}: {error}.",
            hint="Use fewer digits, or another type, such as double.",
        ) from error


def _given_twice(options: Sequence[_Given]) -> BadInputError:
    first, second, *_ = options
    as_list = _option(f"{first.name}:varchar[]", f"{first.text},{second.text}")
    return BadInputError(
        f"--param {first.name} is given twice, as {first.text!r} and {second.text!r}.",
        hint=f"Give it once; or if the statement says IN (:{first.name}), as a list: {as_list}",
    )


def _option(name: str, value: str) -> str:
    return f"--param {shlex.quote(f'{name}={value}')}"


def _quoted(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("'", "''")
        return f"'{escaped}'"
    if isinstance(value, Decimal):
        return f"{value:f}"  # str() may give 1E-10, which is typed for doubles only
    return str(value)


def _shown(option: _Given) -> str:
    return shlex.quote(f"{option.name}={option.text}")


def _listed(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1]) if len(words) > 1 else words)


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
