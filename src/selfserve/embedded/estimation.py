"""What a statement will read: its plan, the partitions left, and their files' footers."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import chain

from selfserve.core.sql.estimates.estimate import Estimate, ScanEstimate, to_estimate
from selfserve.core.sql.estimates.pace import Pace
from selfserve.core.sql.estimates.plan import Scan
from selfserve.core.sql.problems import UnsupportedHereError
from selfserve.core.sql.tables import FileFormat, Table
from selfserve.embedded.files import DataFile, FileSource
from selfserve.embedded.footers import Footers, share_of
from selfserve.embedded.partition_pruning import prune_partitions
from selfserve.embedded.scans import Parameters, Planner, Prepare
from selfserve.errors import SelfserveError

_LISTINGS_AT_ONCE = 8
_MOST_LISTINGS = 1_000
"""Before a query that nobody asks the size of: some seconds of S3's."""
_SHOWN_PROBLEMS = 3


class Estimator:
    """Estimates statements; keeps the footers that it has read for the next one."""

    def __init__(
        self,
        files: FileSource,
        footers: Footers,
        *,
        prepare: Prepare | None = None,
        most_footers: int = 500,
    ) -> None:
        """Of a table with more files than `most_footers`, that many are looked into, evenly spread.

        `prepare`: see `Planner`.
        """
        self._files = files
        self._footers = footers
        self._most_footers = most_footers
        self._planner = cache(lambda: Planner(prepare=prepare))

    def bytes_of(self, tables: Sequence[Table]) -> int:
        """All bytes of these tables' files: what no statement exceeds that reads each once.

        Only lists them, so that it can be asked before every statement.

        Raises:
            UnsupportedHereError: they have so many folders that even that would take long.
        """
        stored = [table for table in tables if table.view is None]
        folders = sum(len(table.partitions) or 1 for table in stored)
        if folders > _MOST_LISTINGS:
            raise UnsupportedHereError(
                f"The query's tables have {folders:,} folders, which takes long to list.",
                hint="What it would read, of those that it needs: selfserve sql --explain-cost …",
            )
        return sum(
            file.size
            for table in stored
            for file in self._list(table, [one.location for one in table.partitions])
        )

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
        is_shared = pace.engine is not None
        scans = self._planner().plan(sql, tables, parameters, repeats_shared=is_shared)
        return to_estimate([self._measure(scan) for scan in scans], pace)

    def _measure(self, scan: Scan) -> ScanEstimate:
        survivors = prune_partitions(scan)
        files = self._list(scan.table, [one.location for one in survivors.partitions])
        found = self._look_into(scan, files) if scan.table.format is FileFormat.PARQUET else None
        return ScanEstimate(
            scan=scan,
            partitions=len(survivors.partitions),
            files=len(files),
            bytes=found.bytes if found else sum(file.size for file in files),
            rows=found.rows if found else None,
            measured_files=found.files if found else len(files),
            notes=(*survivors.notes, *(found.notes if found else _whole_files(scan.table.format))),
        )

    def _look_into(self, scan: Scan, files: Sequence[DataFile]) -> "_Found":
        """What is read of Parquet files; one without a footer counts as a whole."""
        sample = _evenly(files, self._most_footers)
        amount, rows, problems = 0, 0, []
        for file, footer in zip(sample, self._footers.read(sample), strict=True):
            if isinstance(footer, SelfserveError):
                problems.append(f"counted as a whole: {footer}")
                amount += file.size
            else:
                share = share_of(footer, scan, file.size)
                amount, rows = amount + share.bytes, rows + share.rows
        if len(problems) > _SHOWN_PROBLEMS:
            more = f"and {len(problems) - _SHOWN_PROBLEMS:,} more such files."
            problems = [*problems[:_SHOWN_PROBLEMS], more]
        looked_at = sum(file.size for file in sample)
        factor = sum(file.size for file in files) / looked_at if looked_at else 1.0
        return _Found(round(amount * factor), round(rows * factor), len(sample), tuple(problems))

    def _list(self, table: Table, partitions: Sequence[str]) -> list[DataFile]:
        if not table.partition_columns:
            return list(self._files.list_files(table.location))
        with ThreadPoolExecutor(_LISTINGS_AT_ONCE) as pool:
            return list(chain.from_iterable(pool.map(self._files.list_files, partitions)))


@dataclass(frozen=True, slots=True)
class _Found:
    """What footers say of a table's files; `files` of them were looked into."""

    bytes: int
    rows: int
    files: int
    notes: tuple[str, ...]


def _evenly(files: Sequence[DataFile], most: int) -> list[DataFile]:
    """At most this many of them, from all over the list."""
    if len(files) <= most:
        return list(files)
    return [files[i * len(files) // most] for i in range(most)]


def _whole_files(of: FileFormat) -> tuple[str]:
    if of in {FileFormat.CSV, FileFormat.JSON}:
        return (f"whole files: {of.upper()} has no columns to pick.",)
    return (f"whole files: columns of {of.upper()} are not told apart here; it may read less.",)
