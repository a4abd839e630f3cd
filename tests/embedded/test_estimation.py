"""Footers, odd files and odd tables in estimates."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from parquet_house import FILMS, HERE, House, chunk_bytes
from selfserve.core.sql.problems import UnsupportedHereError
from selfserve.core.sql.tables import FileFormat, Partition, TableColumn
from selfserve.embedded.estimation import Estimator
from selfserve.embedded.files import DataFile
from selfserve.embedded.footers import (
    FOOTER_READ,
    Footers,
    read_local_range,
)
from selfserve.errors import AwsError


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_column_costs_its_chunks_and_the_footer(house: House) -> None:
    path = house.write("films/a.parquet", rows=50_000)

    estimate = house.estimate()

    assert estimate.bytes == FOOTER_READ + chunk_bytes(path, 0)
    assert estimate.rows == 50_000


def test_a_count_reads_only_footers(house: House) -> None:
    house.write("films/a.parquet", rows=50_000)
    house.write("films/b.parquet", rows=50_000)

    assert house.estimate("SELECT count(*) FROM lake.films").bytes == 2 * FOOTER_READ


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


@pytest.mark.parametrize(("days", "is_listed"), [(1_000, True), (1_001, False)])
def test_folders_are_listed_only_where_they_are_not_too_many(
    house: House, days: int, *, is_listed: bool
) -> None:
    class Listing:
        def list_files(self, location: str) -> Sequence[DataFile]:
            listed.append(location)
            return [DataFile(f"{location}/a.parquet", 10, "1")]

    listed: list[str] = []
    partitions = tuple(Partition((str(day),), f"s3://lake/{day}") for day in range(days))
    day = TableColumn("day", "int")
    table = replace(FILMS, partition_columns=(day,), partitions=partitions)
    estimator = Estimator(Listing(), house.footers)

    if is_listed:
        assert estimator.bytes_of([table]) == days * 10
    else:
        with pytest.raises(UnsupportedHereError, match="1,001 folders"):
            estimator.bytes_of([table])

    assert len(listed) == (days if is_listed else 0)


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
