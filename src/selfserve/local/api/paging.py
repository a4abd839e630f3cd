"""Pages of a listing and the opaque Marker that asks for the next one.

Pure. A marker holds the place of the last item that was sent, not a count, so
items that come or go between two pages neither repeat nor hide others.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from selfserve.local.api.errors import invalid_request

PAGE_SIZE = 50
"""What ListClusters, ListSteps and their kin return at once (EMR API Reference)."""

Position = tuple[float, str]
"""Where an item stands in its listing; places never change and ascend."""

_Item = TypeVar("_Item")


def page_of(
    listing: str,
    items: Iterable[tuple[Position, _Item]],
    marker: str | None,
    *,
    size: int = PAGE_SIZE,
) -> tuple[list[_Item], str | None]:
    """Return one page of `items`, which need no order, and the marker of the next page.

    Raises:
        ApiError: the marker is not one that this `listing` gave out.
    """
    after = _parse(listing, marker) if marker else None
    left = sorted(
        ((place, item) for place, item in items if after is None or place > after),
        key=lambda pair: pair[0],
    )
    page = left[:size]
    following = _format(listing, page[-1][0]) if len(left) > size else None
    return [item for _, item in page], following


def with_marker(answer: Mapping[str, Any], marker: str | None) -> dict[str, Any]:
    """The answer, and the marker of the next page if there is one."""
    return {**answer, "Marker": marker} if marker else dict(answer)


def in_order(items: Sequence[_Item]) -> Iterable[tuple[Position, _Item]]:
    """Positions for items of a list that only grows at its end."""
    return (((index, ""), item) for index, item in enumerate(items))


def newest_first(items: Sequence[_Item]) -> Iterable[tuple[Position, _Item]]:
    """Positions that turn a list which only grows at its end around."""
    return (((-index, ""), item) for index, item in enumerate(items))


def _format(listing: str, place: Position) -> str:
    return base64.urlsafe_b64encode(json.dumps([listing, *place]).encode()).decode()


def _parse(listing: str, marker: str) -> Position:
    try:
        parts = json.loads(base64.urlsafe_b64decode(marker.encode()))
    except (ValueError, RecursionError):  # not base64, not UTF-8, or not JSON
        parts = None
    match parts:
        case [str(name), float() | int() as number, str(text)] if name == listing:
            return number, text
        case _:
            raise invalid_request(f"Marker '{marker}' is not valid.")
