"""A LaunchSpec as JSON and back, for intent records and `plan -o json`. Pure."""

from functools import cache

from pydantic import TypeAdapter, ValidationError

from selfserve.core.launch import LaunchSpec


@cache
def _adapter() -> TypeAdapter[LaunchSpec]:
    return TypeAdapter(LaunchSpec)


def spec_to_json(spec: LaunchSpec) -> str:
    """The spec as one JSON object; durations are ISO 8601."""
    return _adapter().dump_json(spec, indent=2).decode()


def spec_from_json(text: str) -> LaunchSpec:
    """Read what `spec_to_json` wrote.

    Raises:
        ValueError: `text` is not such a record.
    """
    try:
        return _adapter().validate_json(text)
    except ValidationError as error:
        raise ValueError(f"not a launch spec: {error.error_count()} problem(s)") from error
