"""Archives: the same bytes from the same files, readable by everything that unpacks them."""

import errno
import hashlib
import os
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from selfserve.errors import BadInputError
from selfserve.packing import archive
from selfserve.packing.archive import Member, PackedArchive, pack

FILES = {
    "job.py": b"print(1)\n",
    "lib/__init__.py": b"",
    "lib/data/table.csv": b"a,b\n" * 5_000,
    "lib/größe und mehr.txt": "ü".encode(),
    f"deep/{'x' * 120}/{'y' * 120}.txt": b"a long path",
}


def write(folder: Path, files: dict[str, bytes] = FILES) -> list[Member]:
    members = []
    for name, content in files.items():
        source = folder / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(content)
        members.append(Member(PurePosixPath(name), source))
    return members


def contents(packed: PackedArchive) -> dict[str, bytes]:
    with tarfile.open(packed.path) as tar:
        return {
            info.name: file.read() for info in tar if (file := tar.extractfile(info)) is not None
        }


def test_the_same_files_in_another_place_on_another_day_give_the_same_archive(
    tmp_path: Path,
) -> None:
    here, there = write(tmp_path / "here"), write(tmp_path / "there")
    for member in there:
        os.utime(member.source, (1_000_000_000, 1_000_000_000))

    first = pack(here, tmp_path / "first")
    second = pack(reversed(there), tmp_path / "second")

    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256


def test_an_archive_is_named_by_its_hash_and_knows_its_size(tmp_path: Path) -> None:
    packed = pack(write(tmp_path / "in"), tmp_path / "out")

    body = packed.path.read_bytes()
    assert packed.path == tmp_path / "out" / f"{packed.sha256}.tar.gz"
    assert hashlib.sha256(body).hexdigest() == packed.sha256
    assert len(body) == packed.size
    assert list((tmp_path / "out").iterdir()) == [packed.path]


def test_everything_in_it_comes_out_again(tmp_path: Path) -> None:
    packed = pack(write(tmp_path / "in"), tmp_path / "out")

    found = contents(packed)
    sums = found.pop("SHA256SUMS")
    assert found == FILES
    assert hashlib.sha256(sums).hexdigest() == packed.sums_sha256


def test_tar_unpacks_it_and_sha256sum_agrees(tmp_path: Path) -> None:
    packed = pack(write(tmp_path / "in"), tmp_path / "out")
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()

    subprocess.run(["tar", "-xzf", packed.path, "-C", unpacked], check=True)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=unpacked, check=True)

    assert (unpacked / "lib/data/table.csv").read_bytes() == FILES["lib/data/table.csv"]


def test_the_list_of_checksums_is_first_and_the_rest_sorted(tmp_path: Path) -> None:
    packed = pack(write(tmp_path / "in"), tmp_path / "out")

    with tarfile.open(packed.path) as tar:
        names = tar.getnames()

    assert names == ["SHA256SUMS", *sorted(FILES)]


def test_nothing_tells_who_packed_it_or_when(tmp_path: Path) -> None:
    packed = pack(write(tmp_path / "in"), tmp_path / "out")

    with tarfile.open(packed.path) as tar:
        facts = {(info.uid, info.gid, info.uname, info.gname, info.mtime) for info in tar}
    assert facts == {(0, 0, "", "", 0)}
    assert packed.path.read_bytes()[4:8] == bytes(4)  # gzip's time


@pytest.mark.parametrize(
    ("on_disk", "packed_as"),
    [(0o600, 0o644), (0o666, 0o644), (0o700, 0o755), (0o4755, 0o755), (0o654, 0o644)],
)
def test_of_the_mode_only_the_owners_x_bit_is_kept(
    tmp_path: Path, on_disk: int, packed_as: int
) -> None:
    members = write(tmp_path / "in", {"tool.sh": b"#!/bin/sh\n"})
    members[0].source.chmod(on_disk)

    packed = pack(members, tmp_path / "out")

    with tarfile.open(packed.path) as tar:
        assert tar.getmember("tool.sh").mode == packed_as


@pytest.mark.parametrize("size", [0, 511, 512, 513, archive._CHUNK, 3 * archive._CHUNK + 7])
def test_a_file_of_any_size_survives(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)

    packed = pack(write(tmp_path / "in", {"blob": content}), tmp_path / "out")

    assert contents(packed)["blob"] == content


def test_an_archive_of_nothing_is_an_archive(tmp_path: Path) -> None:
    packed = pack([], tmp_path / "out")

    assert contents(packed) == {"SHA256SUMS": b""}


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\\b", "a\udcff"])
def test_a_name_that_a_list_of_checksums_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"")

    with pytest.raises(BadInputError, match="cannot be shipped"):
        pack([Member(PurePosixPath(name), source)], tmp_path / "out")


def test_a_file_named_as_the_list_of_checksums_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="checksums"):
        pack(write(tmp_path / "in", {"SHA256SUMS": b""}), tmp_path / "out")


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../b", "."])
def test_a_path_outside_the_archive_is_a_bug(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a path inside"):
        pack([Member(PurePosixPath(name), tmp_path)], tmp_path / "out")


def test_the_same_path_twice_is_a_bug(tmp_path: Path) -> None:
    members = write(tmp_path / "in", {"a": b""})

    with pytest.raises(ValueError, match="twice"):
        pack(members * 2, tmp_path / "out")


def test_a_file_that_cannot_be_read_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    members = write(tmp_path / "in")
    members[2].source.unlink()

    with pytest.raises(BadInputError, match=r"Cannot read .*table\.csv: No such file"):
        pack(members, tmp_path / "out")

    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = write(tmp_path / "in", {"blob": os.urandom(100_000)})
    with Path("/dev/full").open("wb") as full:
        monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)

        with pytest.raises(OSError, match="No space") as caught:
            pack(members, tmp_path / "out")

    assert caught.value.errno == errno.ENOSPC
    assert list((tmp_path / "out").iterdir()) == []
