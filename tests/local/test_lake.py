"""The lake's names and folders, and Spark's view of them."""

from pathlib import Path

import pytest

from selfserve.errors import BadInputError
from selfserve.local.lake.folders import Lake, is_bucket_name


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.mark.parametrize("name", ["abc", "my-bucket", "a.b.c", "0ab", "a" * 63])
def test_s3_accepts_this_bucket_name(name: str) -> None:
    assert is_bucket_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 64,
        "Upper",
        "under_score",
        "-begins",
        "ends-",
        "two..dots",
        "192.168.0.1",
        "xn--name",
        "name-s3alias",
        "..",
        "a/b",
        "name\n",
    ],
)
def test_s3_refuses_this_bucket_name(name: str, lake: Lake) -> None:
    assert not is_bucket_name(name)
    with pytest.raises(BadInputError):
        lake.bucket_path(name)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/a/b.txt", "bucket/a/b.txt"),
        ("s3a://bucket/a/", "bucket/a"),
        ("s3n://bucket", "bucket"),
        ("s3://bucket/", "bucket"),
        ("s3://bucket/with space/ü%20", "bucket/with space/ü%20"),
        ("s3://bucket/..hidden/a..b", "bucket/..hidden/a..b"),
    ],
)
def test_a_uri_is_a_path_below_its_bucket(uri: str, expected: str, lake: Lake) -> None:
    assert lake.path_of(uri) == lake.root / expected


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/../other/key",
        "s3://bucket/a/../../..",
        "s3://bucket/./a",
        "s3://../etc",
        "s3:///etc/passwd",
        "s3://bucket/a\0b",
        "hdfs://bucket/key",
        "/etc/passwd",
    ],
)
def test_a_path_never_leaves_its_bucket(uri: str, lake: Lake) -> None:
    with pytest.raises(BadInputError):
        lake.path_of(uri)


def test_buckets_are_the_folders_with_a_bucket_name(lake: Lake) -> None:
    lake.ensure_bucket("one")
    lake.ensure_bucket("one")
    (lake.root / "two").mkdir()
    (lake.root / "Not_A_Bucket").mkdir()
    (lake.root / "file").write_text("")

    assert lake.buckets() == ["one", "two"]


def test_the_mount_table_names_every_bucket_and_leaves_no_drafts(lake: Lake) -> None:
    lake.ensure_bucket("one")
    lake.ensure_bucket("two")

    (table,) = lake.root.with_name("lake-mounts").iterdir()
    text = table.read_text()
    assert table.name == "mount-table.1.xml"
    assert "fs.viewfs.mounttable.one.linkFallback" in text
    assert f"rawfile://{lake.root / 'two'}<" in text
