"""Check merged data against the schema, and say in plain words everything that is wrong.

Pure. pydantic finds the errors; this module gives them the words.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.document import Path, Value, dotted
from selfserve.core.problems import Problem
from selfserve.core.profile import PINS, Profile

PlaceOf = Callable[[str], str]
"""Where the value at a dotted path, or the nearest above it, was given."""


def validate(data: Mapping[str, Value], place_of: PlaceOf) -> Profile | list[Problem]:
    """The profile, or every problem that the schema finds."""
    problems = list(_pin_problems(data, place_of))
    try:
        profile = Profile.model_validate(data)
    except ValidationError as error:
        return problems + [_to_problem(details, place_of) for details in error.errors()]
    return problems or profile


def _pin_problems(data: Mapping[str, Value], place_of: PlaceOf) -> Iterable[Problem]:
    pins = [pin for pin in PINS if data.get(pin) is not None]
    if not pins:
        yield Problem(place_of(""), "", "needs one of spark, release or trino to pin the versions")
    for extra in pins[1:]:
        text = f"pins the versions, but so does {pins[0]}; keep one"
        yield Problem(place_of(extra), extra, text)


def _to_problem(details: ErrorDetails, place_of: PlaceOf) -> Problem:
    path = dotted(tuple(part for part in details["loc"] if part != "[key]"))
    return Problem(place_of(path), path, _words(details))


def _words(details: ErrorDetails) -> str:
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        *parents, key = details["loc"]
        return f"unknown key{did_you_mean(str(key), _keys_at(tuple(parents)))}"
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        expected = context["expected"].replace("'", "")
        return f"must be {expected}, not {_show(given)}{_template_note(given)}"
    wanted = _WANTED.get(kind)
    if wanted is None:  # our own validators' sentences, and whatever pydantic adds one day
        return details["msg"].removeprefix("Value error, ") + _template_note(given)
    return f"must be {wanted.format(**context)}, not {_show(given)}{_template_note(given)}"


_WANTED = {
    "int_type": "a whole number",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "too_short": "a list of at least {min_length}",
    "too_long": "at most {max_length} of them",
    "string_too_short": "at least {min_length} character(s)",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
}


def _show(value: object) -> str:
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "empty" if value is None else repr(value)


def _template_note(value: object) -> str:
    return " (a {{ }} template cannot stand here)" if "{{" in str(value) else ""


def _keys_at(path: Path) -> list[str]:
    """The keys that the schema knows in the section at `path`."""
    model: type[BaseModel] = Profile
    parts = iter(path)
    for part in parts:
        field = model.model_fields.get(str(part))
        section = None if field is None else _section(field.annotation)
        if field is None or section is None:
            return []
        model = section
        if get_origin(field.annotation) is dict:
            next(parts, None)  # the name that the user gave the entry
    return list(model.model_fields)


def _section(annotation: object) -> type[BaseModel] | None:
    candidates = (annotation, *get_args(annotation))
    models = (kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel))
    return next(models, None)
