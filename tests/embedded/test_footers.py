"""How footers are read, and what they cost."""

from pathlib import Path

import pytest
from pyarrow import parquet

from parquet_house import FILMS, House
from selfserve.core.sql.estimates.plan import Scan
from selfserve.embedded.files import DataFile
from selfserve.embedded.footers import (
    FOOTER_READ,
    BrokenFooterError,
    Footers,
    parse_footer,
    read_local_range,
    share_of,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


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
