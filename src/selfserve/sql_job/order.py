"""What is to be done, as the client has written it: one argument of JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """One statement, and where its result goes."""

    text: str
    schema: str
    """Where tables without a schema are looked for."""
    folder: str
    """The query's prefix in S3, with a slash at its end."""


def parse_order(text: str) -> Order:
    """Read what `core.sql.steps.order.write_order` has written."""
    record = json.loads(text)
    return Order(str(record["text"]), str(record["schema"]), str(record["folder"]))


def version_of(text: str) -> tuple[int, int]:
    """`3.5.8-amzn-0` is (3, 5)."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)
