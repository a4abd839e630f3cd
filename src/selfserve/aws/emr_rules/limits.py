"""Sentences about numbers and lists that are outside EMR's limits.

Pure. Every rule module words its ranges through these, so they read alike.
"""

from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any

Json = Mapping[str, Any]
"""A part of a request that `emr_model.shape_problems` has accepted."""


def outside(path: str, value: int | None, lowest: int, highest: int) -> Iterator[str]:
    """Yield a problem when `value` is given and not in the closed range."""
    if value is not None and not lowest <= value <= highest:
        yield f"{path}: {value} is outside {lowest} to {highest}"


def below(path: str, value: int | None, lowest: int) -> Iterator[str]:
    """Yield a problem when `value` is given and less than `lowest`."""
    if value is not None and value < lowest:
        yield f"{path}: {value} is less than {lowest}"


def too_many(path: str, items: Sized, most: int, why: str = "") -> Iterator[str]:
    """Yield a problem when there are more than `most` items; `why` follows in the sentence."""
    if len(items) > most:
        yield f"{path}: {len(items)} given, but EMR takes at most {most}{why}"


def together(path: str, given: Json, names: Sequence[str]) -> Iterator[str]:
    """Yield a problem when more than one of the members `names` is given."""
    present = [name for name in names if given.get(name)]
    if len(present) > 1:
        yield f"{path}{' and '.join(present)} cannot be given together"
