"""What stands in S3 about a run, as JSON.

Writing needs the standard library only, since every submission writes; pydantic
is loaded when something is read back.
"""

import json
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from selfserve.core.outcome import RunOutcome
from selfserve.core.run import Placement, RunResult, Submission

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_Record = TypeVar("_Record", Submission, Placement, RunResult, RunOutcome)


def to_json(record: Submission | Placement | RunResult | RunOutcome) -> bytes:
    """The record as a JSON document; times with their zone, money as text."""
    return json.dumps(asdict(record), indent=2, default=_plain).encode()


def to_plain(record: Submission | Placement | RunResult | RunOutcome) -> dict[str, object]:
    """The record as what JSON knows: maps, lists, text, numbers."""
    return dict(json.loads(to_json(record)))


def from_json(kind: type[_Record], body: bytes) -> _Record:
    """Read what `to_json`, or the runner, has written.

    Raises:
        ValueError: it is something else.
    """
    record: _Record = _adapters()[kind].validate_json(body)
    return record


@cache
def _adapters() -> "dict[type, TypeAdapter[Any]]":  # Any: each is of its key
    from pydantic import TypeAdapter  # noqa: PLC0415  only readers need it

    return {kind: TypeAdapter(kind) for kind in (Submission, Placement, RunResult, RunOutcome)}


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot stand in a run's record")
