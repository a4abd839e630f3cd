"""Footers, odd files and odd tables in estimates."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet

from selfserve.core.sql.estimate import Estimate
from selfserve.core.sql.estimate_pace import Pace
from selfserve.core.sql.estimate_plan import Scan
from selfserve.core.sql.tables import FileFormat, Partition, Table, TableColumn
from selfserve.embedded.estimation import Estimator
from selfserve.embedded.files import DataFile, FolderFiles
from selfserve.embedded.footers import (
    FOOTER_READ,
    BrokenFooterError,
    Footers,
    parse_footer,
    read_local_range,
    share_of,
)
from selfserve.errors import AwsError

FILMS = Table(
    schema="lake",
    name="films",
    columns=(
        TableColumn("id", "bigint"),
        TableColumn("title", "varchar"),
        TableColumn("added", "date"),
    ),
    location="s3://lake/films",
)
HERE = Pace.of_this_machine(2)
_COLUMNS = "i AS id, 'x' || i AS title"


class House:
    """A lake in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "films").mkdir()
        self.reads: list[tuple[str, int, int]] = []
        self.files = FolderFiles(lambda uri: folder / uri.removeprefix("s3://lake/"))
        self.footers = Footers(self.read_range)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        self.reads.append((path, start, length))
        return read_local_range(path, start, length)

    def write(
        self, name: str, rows: int = 1_000, columns: str = "i AS id, 'x' || i AS title"
    ) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        duckdb.execute(f"COPY (SELECT {columns} FROM range({rows}) t(i)) TO '{path}'")  # noqa: S608
        return path

    def estimate(
        self, sql: str = "SELECT sum(id) FROM lake.films", table: Table = FILMS, most: int = 500
    ) -> Estimate:
        estimator = Estimator(self.files, self.footers, most_footers=most)
        return estimator.estimate(sql, [table], pace=HERE)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def chunk_bytes(path: Path, column: int) -> int:
    size: int = parquet.read_metadata(path).row_group(0).column(column).total_compressed_size
    return size


def test_a_column_costs_its_chunks_and_the_footer(house: House) -> None:
    path = house.write("films/a.parquet", rows=50_000)

    estimate = house.estimate()

    assert estimate.bytes == FOOTER_READ + chunk_bytes(path, 0)
    assert estimate.rows == 50_000


def test_a_count_reads_only_footers(house: House) -> None:
    house.write("films/a.parquet", rows=50_000)
    house.write("films/b.parquet", rows=50_000)

    assert house.estimate("SELECT count(*) FROM lake.films").bytes == 2 * FOOTER_READ


@pytest.mark.parametrize(
    ("size", "kib"),
    [
        (2_400_411, 16),
        (11_521_287, 16),
        (21_602_453, 32),
        (48_005_083, 64),
        (96_009_757, 128),
        (216_021_840, 256),
        (4_000_000_000, 256),
    ],
)
def test_the_first_read_of_a_file_grows_with_it_as_the_engine_does(
    size: int, kib: int, house: House
) -> None:
    footer = parquet.read_metadata(house.write("films/a.parquet"))
    counting = Scan(FILMS, (), (), ())

    assert share_of(footer, counting, size).bytes == kib * 1024


def test_a_column_that_a_file_does_not_have_costs_nothing(house: House) -> None:
    house.write("films/a.parquet", rows=50_000)

    estimate = house.estimate("SELECT max(added) FROM lake.films WHERE added IS NOT NULL")

    assert estimate.bytes == FOOTER_READ
    assert estimate.rows == 50_000


def test_columns_are_found_whatever_their_case_is_in_the_file(house: House) -> None:
    path = house.write("films/a.parquet", rows=50_000, columns="i AS ID")

    estimate = house.estimate("SELECT sum(id) FROM lake.films WHERE id < 60000")

    assert estimate.bytes == FOOTER_READ + chunk_bytes(path, 0)
    assert house.estimate("SELECT sum(id) FROM lake.films WHERE id > 60000").bytes == FOOTER_READ


def test_footers_are_read_once_for_each_version_of_a_file(house: House) -> None:
    house.write("films/a.parquet")
    changing = house.write("films/b.parquet")
    house.estimate()
    house.estimate()

    assert len(house.reads) == 2

    changing.unlink()
    house.write("films/b.parquet", rows=2_000)

    assert house.estimate().rows == 3_000
    assert len(house.reads) == 3


def test_only_the_end_of_a_file_is_read(house: House) -> None:
    path = house.write("films/a.parquet", rows=200_000)

    house.estimate()

    ((_, start, length),) = house.reads
    assert start + length == path.stat().st_size
    assert length <= 64 * 1024


def test_a_footer_longer_than_the_first_read_is_read_whole(house: House) -> None:
    wide = ", ".join(f"i + {n} AS a_column_with_quite_a_long_name_{n}" for n in range(800))
    path = house.write("films/a.parquet", columns=f"i AS id, {wide}")
    footer_bytes = parquet.read_metadata(path).serialized_size + 8
    assert footer_bytes > 64 * 1024

    estimate = house.estimate("SELECT count(*) FROM lake.films")

    assert estimate.bytes == FOOTER_READ + footer_bytes
    assert estimate.rows == 1_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a Parquet file"),
        (b"PAR1PAR1", "is not a Parquet file"),
        (b"id,title\n1,one\n" * 100, "is not a Parquet file"),
        (b"PAR1" + b"\xff" * 100 + (90).to_bytes(4, "little") + b"PAR1", "has a damaged footer"),
        (b"PAR1" + (10**9).to_bytes(4, "little") + b"PAR1", "has a damaged footer"),
    ],
)
def test_a_broken_file_is_named_and_counted_as_a_whole(
    content: bytes, said: str, house: House
) -> None:
    good = house.write("films/a.parquet", rows=50_000)
    broken = house.folder / "films" / "broken.parquet"
    broken.write_bytes(content)

    estimate = house.estimate()

    assert estimate.bytes == FOOTER_READ + chunk_bytes(good, 0) + len(content)
    assert estimate.notes == (f"lake.films: counted as a whole: {broken} {said}.",)


def test_many_broken_files_are_not_all_named(house: House) -> None:
    for i in range(10):
        (house.folder / "films" / f"{i}.parquet").write_text("no Parquet at all")

    assert house.estimate().notes[3:] == ("lake.films: and 7 more such files.",)


def test_a_file_that_may_not_be_read_is_tried_again_the_next_time(house: House) -> None:
    house.write("films/a.parquet")
    is_allowed = False

    def read_range(path: str, start: int, length: int) -> bytes:
        if not is_allowed:
            raise AwsError("S3 does not let you read it.", hint="Ask your administrator.")
        return read_local_range(path, start, length)

    house.footers = Footers(read_range)

    assert house.estimate().notes == (
        "lake.films: counted as a whole: S3 does not let you read it.",
    )
    is_allowed = True
    assert house.estimate().notes == ()


def test_a_file_that_has_gone_meanwhile_is_named(tmp_path: Path) -> None:
    gone = DataFile(str(tmp_path / "gone.parquet"), 1_000, "1")

    (footer,) = Footers().read([gone])

    assert "gone.parquet cannot be read: No such file or directory." in str(footer)


def test_a_broken_footer_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_text("id,title\n1,one\n")

    with pytest.raises(BrokenFooterError, match=r"x\.parquet is not a Parquet file") as broken:
        parse_footer(DataFile(str(path), 15, "1"), read_local_range)

    assert "Move it out" in broken.value.hint


def test_of_very_many_files_some_are_looked_into(house: House) -> None:
    for i in range(40):
        house.write(f"films/{i:02}.parquet", rows=1_000 + i)
    exact = house.estimate()
    house.footers = Footers(house.read_range)
    house.reads.clear()

    sampled = house.estimate(most=10)

    assert len(house.reads) == 10
    assert sampled.bytes == pytest.approx(exact.bytes, rel=0.02)
    assert sampled.rows == pytest.approx(exact.rows, rel=0.02)
    assert sampled.notes == ("lake.films: estimated from 10 of 40 files.",)


@pytest.mark.parametrize(
    ("of", "note"),
    [
        (FileFormat.CSV, "whole files: CSV has no columns to pick."),
        (FileFormat.JSON, "whole files: JSON has no columns to pick."),
        (
            FileFormat.ORC,
            "whole files: columns of ORC are not told apart here; it may read less.",
        ),
    ],
)
def test_other_formats_count_as_whole_files(of: FileFormat, note: str, house: House) -> None:
    (house.folder / "films" / "part-0").write_bytes(b"1,one\n" * 100)
    (house.folder / "films" / "_SUCCESS").write_bytes(b"not data")

    estimate = house.estimate(table=replace(FILMS, format=of))

    assert (estimate.bytes, estimate.rows) == (600, None)
    assert estimate.notes == (f"lake.films: {note}",)


def test_an_empty_table_costs_nothing(house: House) -> None:
    estimate = house.estimate()

    assert (estimate.bytes, estimate.rows, estimate.notes) == (0, 0, ())


class Forbidden:
    """A lake whose folders may not be listed."""

    def list_files(self, location: str) -> Sequence[DataFile]:
        raise AwsError(f"S3 does not let you list {location}.", hint="Ask your administrator.")


def test_a_folder_that_may_not_be_listed_is_an_error() -> None:
    with pytest.raises(AwsError, match="s3://lake/films"):
        Estimator(Forbidden(), Footers()).estimate("SELECT id FROM lake.films", [FILMS], pace=HERE)


def test_only_the_partitions_left_are_listed(house: House) -> None:
    days = [f"2026-01-{day:02}" for day in range(1, 11)]
    for day in days:
        house.write(f"films/day={day}/a.parquet".replace("/day=", "-day="))
    listed = []

    class Listing:
        def list_files(self, location: str) -> Sequence[DataFile]:
            listed.append(location)
            return house.files.list_files(location)

    table = replace(
        FILMS,
        partition_columns=(TableColumn("day", "date"),),
        partitions=tuple(Partition((day,), f"s3://lake/films-day={day}") for day in days),
    )

    estimate = Estimator(Listing(), house.footers).estimate(
        "SELECT sum(id) FROM lake.films WHERE day > DATE '2026-01-08'", [table], pace=HERE
    )

    assert sorted(listed) == ["s3://lake/films-day=2026-01-09", "s3://lake/films-day=2026-01-10"]
    assert estimate.rows == 2_000
    assert estimate.scans[0].partitions == 2


def test_all_bytes_of_tables_are_known_from_a_listing_alone(house: House) -> None:
    path = house.write("films/a.parquet")
    view = replace(FILMS, name="some", view="SELECT 1")

    assert Estimator(house.files, house.footers).bytes_of([FILMS, view]) == path.stat().st_size
    assert house.reads == []


def test_files_of_other_writers_are_understood(house: House) -> None:
    ids = pa.array(range(10_000), pa.int64())
    moments = pa.array([i * 1_000_000 for i in range(10_000)], pa.timestamp("us"))
    path = house.folder / "films" / "a.parquet"
    parquet.write_table(pa.table({"id": ids, "seen": moments}), path, row_group_size=1_000)
    table = replace(FILMS, columns=(FILMS.columns[0], TableColumn("seen", "timestamp(3)")))

    estimate = house.estimate(
        "SELECT sum(id) FROM lake.films WHERE seen >= TIMESTAMP '1970-01-01 02:30:00'", table
    )

    assert estimate.rows == 1_000


def test_row_groups_without_minima_and_maxima_are_all_read(house: House) -> None:
    path = house.folder / "films" / "a.parquet"
    parquet.write_table(
        pa.table({"id": list(range(10_000))}), path, row_group_size=1_000, write_statistics=False
    )

    assert house.estimate("SELECT sum(id) FROM lake.films WHERE id > 9999").rows == 10_000
