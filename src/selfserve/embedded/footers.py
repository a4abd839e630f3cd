"""Parquet footers: which bytes of a file a scan reads. No data is touched.

One ranged read a file, from its end, a few files at a time; footers are kept by path
and version, so that the next look at the same files reads nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from selfserve.core.sql.estimates.plan import Scan
from selfserve.core.sql.estimates.pruning import (
    AllOf,
    AnyOf,
    ColumnStatistics,
    Predicate,
    may_match,
)
from selfserve.embedded.files import DataFile
from selfserve.errors import AwsError, BadInputError

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData, RowGroupMetaData

    Footer: TypeAlias = FileMetaData | BadInputError | AwsError

ReadRange = Callable[[str, int, int], bytes]
"""Path, start and length to the bytes there. Raises only `SelfserveError`s."""

FOOTER_READ = 16 * 1024
_LONGEST_FOOTER_READ = 256 * 1024
"""DuckDB first asks for a thousandth of the file from its end, rounded up to a power of two,
within these bounds; then for the footer if it is longer. Seen at its requests, version 1.5.5."""
_TAIL = 64 * 1024
_MAGIC, _TRAILER = b"PAR1", 8
_THREADS = 8
_MOST_KEPT = 20_000


class BrokenFooterError(BadInputError):
    """A file in a table of Parquet whose footer cannot be read."""


@dataclass(frozen=True, slots=True)
class FileShare:
    """What one scan reads of one file."""

    bytes: int
    rows: int
    row_groups: int
    row_groups_read: int


def read_local_range(path: str, start: int, length: int) -> bytes:
    """`ReadRange` for files of this machine."""
    try:
        with Path(path).open("rb") as file:
            file.seek(start)
            return file.read(length)
    except OSError as error:
        raise BadInputError(
            f"{path} cannot be read: {error.strerror}.", hint=f"Look at it with: ls -l {path}"
        ) from error


class Footers:
    """Reads footers, and keeps those that it has read. Any thread may call it."""

    def __init__(self, read_range: ReadRange = read_local_range) -> None:
        self._read_range = read_range
        self._known: dict[tuple[str, str], Footer] = {}

    def read(self, files: Sequence[DataFile]) -> "list[Footer]":
        """The footer of each, in their order, or why there is none."""
        found = {file: self._known.get((file.path, file.version)) for file in files}
        new = [file for file, footer in found.items() if footer is None]
        if new:
            with ThreadPoolExecutor(_THREADS) as pool:
                found.update(zip(new, pool.map(self._read_one, new), strict=True))
        return [footer for file in files if (footer := found[file]) is not None]

    def _read_one(self, file: DataFile) -> "Footer":
        try:
            footer: Footer = parse_footer(file, self._read_range)
        except BrokenFooterError as error:
            footer = error
        except (BadInputError, AwsError) as error:
            return error  # not kept: the next try may be let in
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[file.path, file.version] = footer
        return footer


def parse_footer(file: DataFile, read_range: ReadRange) -> "FileMetaData":
    """Read the end of one file.

    Raises:
        BrokenFooterError: it is not Parquet, or its footer is damaged.
        SelfserveError: `read_range` could not read it.
    """
    import pyarrow as pa  # noqa: PLC0415  150 ms together
    from pyarrow import parquet  # noqa: PLC0415

    if file.size < len(_MAGIC) + _TRAILER:
        raise _broken(file, "is not a Parquet file")
    tail = read_range(file.path, max(0, file.size - _TAIL), min(file.size, _TAIL))
    if tail[-len(_MAGIC) :] != _MAGIC:
        raise _broken(file, "is not a Parquet file")
    length = int.from_bytes(tail[-_TRAILER:][:4], "little") + _TRAILER
    if length > file.size:
        raise _broken(file, "has a damaged footer")
    if length > len(tail):
        tail = read_range(file.path, file.size - length, length - len(tail)) + tail
    try:
        return parquet.read_metadata(pa.BufferReader(tail[-length:]))
    except (pa.ArrowException, OSError) as error:
        raise _broken(file, "has a damaged footer") from error


def _broken(file: DataFile, what: str) -> BrokenFooterError:
    return BrokenFooterError(
        f"{file.path} {what}.", hint="Move it out of the table's folder, or write it again."
    )


def share_of(footer: "FileMetaData", scan: Scan, size: int) -> FileShare:
    """What `scan` reads of a file of `size` bytes with this footer."""
    leaves = _leaves(footer)
    all_of_them = [index for path, index in leaves.items() if _is_read(path, scan.paths)]
    of_filters = [index for path, index in leaves.items() if _is_read(path, scan.filtered)]
    looks = _Looks(scan, leaves)
    data = rows = groups_read = 0
    for group in map(footer.row_group, range(footer.num_row_groups)):
        look = looks.at(group)
        if look is _Look.SKIPPED:
            continue
        read = all_of_them if look is _Look.READ else of_filters
        data += sum(group.column(index).total_compressed_size for index in read)
        rows += group.num_rows
        groups_read += 1
    return FileShare(_footer_bytes(footer, size) + data, rows, footer.num_row_groups, groups_read)


def _footer_bytes(footer: "FileMetaData", size: int) -> int:
    length = footer.serialized_size + _TRAILER
    thousandth = 1 << max(size // 1000 - 1, 0).bit_length()
    first = min(size, max(FOOTER_READ, min(thousandth, _LONGEST_FOOTER_READ)))
    return first if length <= first else first + length


class _Look(Enum):
    """What becomes of a row group."""

    SKIPPED = auto()
    ONLY_FILTERS = auto()
    READ = auto()


class _Looks:
    """Compares row groups of one file with a scan's filters."""

    def __init__(self, scan: Scan, leaves: Mapping[str, int]) -> None:
        self._skipping = [
            one.predicate for one in scan.conditions if one.predicate and one.skips_groups
        ]
        self._others = [
            one.predicate for one in scan.conditions if one.predicate and not one.skips_groups
        ]
        named = {path for one in (*self._skipping, *self._others) for path in _columns(one)}
        self._asked = {path: leaves[path.lower()] for path in named if path.lower() in leaves}

    def at(self, group: "RowGroupMetaData") -> _Look:
        """What becomes of `group`."""
        statistics = {path: _statistics(group, index) for path, index in self._asked.items()}
        if not all(may_match(one, statistics) for one in self._skipping):
            return _Look.SKIPPED
        if not all(may_match(one, statistics) for one in self._others):
            return _Look.ONLY_FILTERS
        return _Look.READ


def _leaves(footer: "FileMetaData") -> dict[str, int]:
    """Path of each stored column in lower case, as the catalogue has names, to its place."""
    schema = footer.schema
    return {schema.column(i).path.lower(): i for i in range(footer.num_columns)}


def _is_read(leaf: str, paths: Sequence[str]) -> bool:
    return any(
        leaf == path or leaf.startswith(f"{path}.") for path in (path.lower() for path in paths)
    )


def _columns(predicate: Predicate) -> Iterator[str]:
    if isinstance(predicate, AllOf | AnyOf):
        for part in predicate.parts:
            yield from _columns(part)
    else:
        yield predicate.column


def _statistics(group: "RowGroupMetaData", index: int) -> ColumnStatistics:
    chunk = group.column(index)
    found = chunk.statistics
    if found is None:
        return ColumnStatistics(None, None, None, group.num_rows)
    return ColumnStatistics(
        minimum=found.min if found.has_min_max else None,
        maximum=found.max if found.has_min_max else None,
        nulls=found.null_count if found.has_null_count else None,
        rows=group.num_rows,
    )
