"""What a statement will read, take and cost, before it runs. Pure.

Bytes are exact where footers tell; time and cost are ranges, by the model in `pace.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from selfserve.core.sql.estimates.pace import Pace, cost_of, seconds_for
from selfserve.core.sql.estimates.plan import Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanEstimate:
    """What one reading of a table comes to."""

    scan: Scan
    partitions: int
    """Of those that the table has, how many are read; 0 of 0 for a table without any."""
    files: int
    bytes: int
    """Of the selected columns and the footers, compressed as they are stored."""
    rows: int | None
    """In what is read; None: the format does not say."""
    measured_files: int
    """How many files were looked into; the figures are scaled up from these if it is fewer."""
    notes: tuple[str, ...] = ()

    @property
    def is_sampled(self) -> bool:
        """Whether bytes and rows are scaled up from some of the files."""
        return self.measured_files < self.files


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a statement comes to. Seconds and $: None where nothing is known."""

    scans: tuple[ScanEstimate, ...]
    bytes: int
    rows: int | None
    seconds_low: float | None
    seconds_high: float | None
    cost_low: Decimal | None
    cost_high: Decimal | None
    is_free: bool
    """On this machine, with its own files."""
    over_internet: bool = False
    """The cost is that of bytes leaving AWS, not of a cluster."""
    notes: tuple[str, ...]


def to_estimate(scans: Sequence[ScanEstimate], pace: Pace) -> Estimate:
    """Add up the readings of tables, and say what that takes at this pace."""
    amount = sum(scan.bytes for scan in scans)
    rows = [scan.rows for scan in scans if scan.rows is not None]
    low, high = seconds_for(amount, pace)
    cost_low, cost_high = cost_of(amount, pace)
    return Estimate(
        scans=tuple(scans),
        bytes=amount,
        rows=sum(rows) if len(rows) == len(scans) else None,
        seconds_low=low,
        seconds_high=high,
        cost_low=cost_low,
        cost_high=cost_high,
        is_free=pace.is_free,
        over_internet=pace.over_internet,
        notes=tuple(dict.fromkeys(note for scan in scans for note in _notes(scan))),
    )


def _notes(scan: ScanEstimate) -> Sequence[str]:
    table = scan.scan.table.full_name
    said = [f"{table}: {note}" for note in scan.notes]
    if scan.is_sampled:
        said.append(f"{table}: estimated from {scan.measured_files:,} of {scan.files:,} files.")
    if scan.scan.may_stop_early:
        said.append(f"{table}: with its LIMIT, the query may stop long before it has read all.")
    return said
