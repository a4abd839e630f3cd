"""What a statement will read: its plan, the partitions left, and their files' footers."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from selfserve.core.sql.estimate import Estimate, ScanEstimate, to_estimate
from selfserve.core.sql.estimate_pace import Pace
from selfserve.core.sql.estimate_plan import Scan
from selfserve.core.sql.tables import FileFormat, Table
from selfserve.embedded.files import DataFile, FileSource
from selfserve.embedded.footers import FileShare, Footers, share_of
from selfserve.embedded.partition_pruning import prune_partitions
from selfserve.embedded.scans import Parameters, Prepare, plan_scans
from selfserve.errors import SelfserveError

MOST_FOOTERS = 500
"""Of a table with more files, this many are looked into, evenly spread."""
_LISTINGS_AT_ONCE = 8
_SHOWN_PROBLEMS = 3


class Estimator:
    """Estimates statements; keeps the footers that it has read for the next one."""

    def __init__(
        self, files: FileSource, footers: Footers, *, prepare: Prepare | None = None
    ) -> None:
        self._files = files
        self._footers = footers
        self._prepare = prepare

    def estimate(
        self,
        sql: str,
        tables: Sequence[Table],
        parameters: Parameters | None = None,
        *,
        pace: Pace,
    ) -> Estimate:
        """What `sql`, in DuckDB's dialect, will read and take at this pace.

        Raises:
            SelfserveError: the statement cannot be planned, or a folder not be listed.
        """
        scans = plan_scans(
            sql,
            tables,
            parameters,
            repeats_shared=pace.engine is not None,
            prepare=self._prepare,
        )
        return to_estimate([self._measure(scan) for scan in scans], pace)

    def _measure(self, scan: Scan) -> ScanEstimate:
        survivors = prune_partitions(scan)
        files = self._list(scan.table, [one.location for one in survivors.partitions])
        sample = _evenly(files, MOST_FOOTERS)
        if scan.table.format is FileFormat.PARQUET:
            shares, notes = self._shares(scan, sample)
        else:
            shares, notes, sample = [], [_whole_files(scan.table.format)], files
        total, looked_at = sum(f.size for f in files), sum(f.size for f in sample)
        read = sum(share.bytes for share in shares) if shares else total
        factor = total / looked_at if looked_at else 1.0
        return ScanEstimate(
            scan=scan,
            partitions=len(survivors.partitions),
            files=len(files),
            bytes=round(read * factor),
            rows=round(sum(s.rows for s in shares) * factor) if shares or not files else None,
            measured_files=len(sample),
            notes=(*survivors.notes, *notes),
        )

    def _list(self, table: Table, partitions: Sequence[str]) -> list[DataFile]:
        if not table.partition_columns:
            return list(self._files.list_files(table.location))
        with ThreadPoolExecutor(_LISTINGS_AT_ONCE) as pool:
            return list(chain.from_iterable(pool.map(self._files.list_files, partitions)))

    def _shares(self, scan: Scan, files: Sequence[DataFile]) -> tuple[list[FileShare], list[str]]:
        """What is read of each file; of one without a footer, nothing, and a note."""
        shares, problems = [], []
        for file, footer in zip(files, self._footers.read(files), strict=True):
            if isinstance(footer, SelfserveError):
                problems.append(f"not counted: {footer}")
            else:
                shares.append(share_of(footer, scan, file.size))
        if len(problems) > _SHOWN_PROBLEMS:
            more = f"and {len(problems) - _SHOWN_PROBLEMS:,} more such files."
            problems = [*problems[:_SHOWN_PROBLEMS], more]
        return shares, problems


def _evenly(files: Sequence[DataFile], most: int) -> list[DataFile]:
    """At most this many of them, from all over the list."""
    if len(files) <= most:
        return list(files)
    return [files[i * len(files) // most] for i in range(most)]


def _whole_files(of: FileFormat) -> str:
    if of in {FileFormat.CSV, FileFormat.JSON}:
        return f"whole files: {of.upper()} has no columns to pick."
    return f"whole files: columns of {of.upper()} are not told apart here; it may read less."
