"""A result's file is there as a whole or not at all."""

import os
import threading
from pathlib import Path

import pytest

from selfserve.core.sql.answers import Column
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.errors import BadInputError
from selfserve.usecases.sql.output.out_file import OutFile
from selfserve.usecases.sql.output.writing import write_rows


def test_a_finished_file_has_its_name_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    with OutFile(tmp_path / "a.csv") as out:
        out.write(b"one")
        assert not (tmp_path / "a.csv").exists()

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.csv": b"one"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, BadInputError("x", hint="y"), ValueError])
def test_nothing_half_written_stays(
    tmp_path: Path, error: BaseException | type[BaseException]
) -> None:
    def write_and_fail() -> None:
        with OutFile(tmp_path / "a.csv") as out:
            out.write(b"half")
            raise error

    kind = error if isinstance(error, type) else type(error)
    with pytest.raises(kind):
        write_and_fail()

    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")

    with pytest.raises(BadInputError, match="is there already") as raised, OutFile(path):
        pass
    assert "--force" in raised.value.hint
    assert path.read_bytes() == b"old"

    with OutFile(path, force=True) as out:
        out.write(b"new")
    assert path.read_bytes() == b"new"


def test_what_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"

    def write_while_another_does() -> None:
        with OutFile(path) as out:
            out.write(b"ours")
            path.write_bytes(b"theirs")

    with pytest.raises(BadInputError, match="is there already"):
        write_while_another_does()

    assert [item.read_bytes() for item in tmp_path.iterdir()] == [b"theirs"]


def test_through_a_link_the_file_behind_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("real.csv")

    with OutFile(tmp_path / "link.csv", force=True) as out:
        out.write(b"new")

    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"new"


def test_a_missing_folder_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "a.csv"

    with pytest.raises(BadInputError, match="no folder") as raised, OutFile(path):
        pass

    assert f"mkdir -p {path.parent}" in raised.value.hint


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is a folder"), OutFile(tmp_path):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_ours_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(BadInputError, match="Permission denied"), OutFile(tmp_path / "a.csv"):
        pass


def test_a_file_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")

    with pytest.raises(BadInputError, match="Cannot write"), OutFile(tmp_path / "a" / "b.csv"):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
@pytest.mark.parametrize("result_format", ResultFormat)
def test_a_full_disk_says_how_much_was_written(result_format: ResultFormat) -> None:
    rows = [(f"{index:0200d}",) for index in range(10_000)]

    def write_all() -> None:
        with OutFile(Path("/dev/full")) as out:
            write_rows([Column("a", "varchar")], [rows], result_format, out)

    with pytest.raises(BadInputError, match="larger than the disk") as raised:
        write_all()

    assert "MB" in str(raised.value) or "kB" in str(raised.value) or " B" in str(raised.value)
    assert "s3://" in raised.value.hint


def test_a_pipe_is_written_to_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()

    with OutFile(pipe) as out:
        out.write(b"through")
    reader.join(timeout=30)

    assert read == [b"through"]
    assert pipe.is_fifo()
