"""An estimate as people and machines read it: rows of a table, a line of totals, JSON. Pure."""

from decimal import Decimal

from selfserve.core.quantities import format_rough_count, format_seconds, format_size
from selfserve.core.sql.estimates.estimate import Estimate, ScanEstimate

HEADERS = ("TABLE", "PARTITIONS", "FILES", "COLUMNS", "ROWS", "BYTES")

Json = dict[str, object]


def to_rows(estimate: Estimate) -> list[tuple[str, ...]]:
    """A row for each reading of a table, under `HEADERS`."""
    return [_to_row(scan) for scan in estimate.scans]


def to_total(estimate: Estimate) -> str:
    """One sentence: bytes and rows, the time as a range, and what that costs."""
    rows = "" if estimate.rows is None else f", {format_rough_count(estimate.rows)} rows"
    return f"Reads about {format_size(estimate.bytes)}{rows}; {_time(estimate)}, {_cost(estimate)}."


def to_json(estimate: Estimate) -> Json:
    """For `--json`. Costs are text, in $; what is not known is null."""
    return {
        "bytes": estimate.bytes,
        "rows": estimate.rows,
        "seconds": {"low": estimate.seconds_low, "high": estimate.seconds_high},
        "cost_usd": {"low": _money(estimate.cost_low), "high": _money(estimate.cost_high)},
        "is_free": estimate.is_free,
        "scans": [_to_json(scan) for scan in estimate.scans],
        "notes": list(estimate.notes),
    }


def _to_row(scan: ScanEstimate) -> tuple[str, ...]:
    table = scan.scan.table
    partitions = f"{scan.partitions:,} of {len(table.partitions):,}"
    return (
        table.full_name,
        partitions if table.partition_columns else "-",
        f"{scan.files:,}",
        f"{len(scan.scan.columns):,} of {len(table.columns):,}",
        "?" if scan.rows is None else f"{scan.rows:,}",
        f"{'~' if scan.is_sampled else ''}{format_size(scan.bytes)}",
    )


def _time(estimate: Estimate) -> str:
    if estimate.seconds_low is None or estimate.seconds_high is None:
        return "how long it takes is not known"
    low, high = format_seconds(estimate.seconds_low), format_seconds(estimate.seconds_high)
    return f"takes an estimated {low} to {high}"


def _cost(estimate: Estimate) -> str:
    if estimate.is_free:
        return "costs nothing on this machine"
    if estimate.cost_low is None or estimate.cost_high is None:
        return "at a cost that is not known"
    what = "for what leaves AWS" if estimate.over_internet else "of the cluster"
    return f"${estimate.cost_low:.4f} to ${estimate.cost_high:.4f} {what}"


def _to_json(scan: ScanEstimate) -> Json:
    table = scan.scan.table
    return {
        "table": table.full_name,
        "format": table.format.value,
        "partitions": len(table.partitions),
        "partitions_read": scan.partitions,
        "files": scan.files,
        "files_measured": scan.measured_files,
        "columns": len(table.columns),
        "columns_read": list(scan.scan.columns),
        "fields_read": list(scan.scan.paths),
        "rows": scan.rows,
        "bytes": scan.bytes,
    }


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
