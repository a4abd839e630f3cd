"""`--max-bytes`: an amount as people write it, and the refusal of what reads more. Pure."""

import re
from decimal import Decimal

from selfserve.core.quantities import format_size
from selfserve.core.sql.estimates.estimate import Estimate, ScanEstimate
from selfserve.errors import BadInputError, RefusedByPolicyError

_FACTORS = {
    "": 1,
    "b": 1,
    **{f"{letter}{b}": 1000**i for i, letter in enumerate("kmgtp", 1) for b in ("", "b")},
    **{f"{letter}ib": 1024**i for i, letter in enumerate("kmgtp", 1)},
}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE | re.ASCII)


def parse_bytes(text: str) -> int:
    """`50GB` is 50 * 1000 ** 3 bytes, `50GiB` 50 * 1024 ** 3; a bare number is bytes.

    Raises:
        BadInputError: it is no such amount.
    """
    match = _AMOUNT.fullmatch(text.strip())
    factor = _FACTORS.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise BadInputError(
            f"{text!r} is not an amount of bytes.", hint="Write it as 500MB, 50GB or 1.5TB."
        )
    return int(Decimal(match[1]) * factor)


def check_max_bytes(estimate: Estimate, limit: int) -> None:
    """Refuse what reads more than `limit` bytes.

    Raises:
        RefusedByPolicyError: it does; the hint says how to read less.
    """
    if estimate.bytes <= limit:
        return
    largest = max(estimate.scans, key=lambda scan: scan.bytes)
    raise RefusedByPolicyError(
        f"The query would read about {format_size(estimate.bytes)}, more than the "
        f"{format_size(limit)} that --max-bytes allows; {format_size(largest.bytes)} of it "
        f"is from {largest.scan.table.full_name}.",
        hint=_how_to_read_less(largest, estimate.bytes),
    )


def _how_to_read_less(largest: ScanEstimate, amount: int) -> str:
    table = largest.scan.table
    ways = []
    if largest.partitions > 1:
        ways.append(f"filter on {table.partition_columns[0].name}")
    if len(largest.scan.columns) > 1:
        ways.append("select fewer columns")
    allowed = -(-amount // 1000**2)
    raised = f"allow it: selfserve sql … --max-bytes {allowed}MB"
    text = f"{' or '.join(ways)}, or {raised}" if ways else raised
    return text[0].upper() + text[1:]
