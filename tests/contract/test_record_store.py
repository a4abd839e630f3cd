"""What the book of queries needs of a store: the same of S3, of a folder and in memory."""

from pathlib import Path
from uuid import uuid4

import pytest

from fakes import MemoryStore
from selfserve.aws.s3 import S3Store
from selfserve.errors import ClusterFailedError
from selfserve.local.endpoint import LocalEndpoint
from selfserve.local.home import Home
from selfserve.local.lake.folder_store import FolderStore
from selfserve.usecases.sql.history.book import RecordStore
from selfserve.usecases.targets.local_clients import local_clients


def drafts_in(home: Path) -> list[Path]:
    return [path for path in home.iterdir() if path.is_file()]


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    home = Home(tmp_path / "home")
    home.make()
    return FolderStore(home, "memory")


@pytest.fixture
def gateway(endpoint: LocalEndpoint) -> S3Store:
    bucket = f"records-{uuid4().hex}"
    clients = local_clients(endpoint)
    clients.s3.create_bucket(Bucket=bucket)
    return S3Store(clients.s3, bucket)


@pytest.fixture(params=["memory", "folder", "gateway"])
def store(request: pytest.FixtureRequest) -> RecordStore:
    found: RecordStore = request.getfixturevalue(request.param)
    return found


def test_what_was_put_is_there(store: RecordStore) -> None:
    store.put("queries/a/query.json", b"one")
    store.put("queries/a/query.json", b"two")

    assert store.get("queries/a/query.json") == b"two"


@pytest.mark.parametrize("key", ["queries/b/query.json", "queries/a", "queries/a/query.json/more"])
def test_what_is_not_there_is_none(store: RecordStore, key: str) -> None:
    store.put("queries/a/query.json", b"one")

    assert store.get(key) is None


def test_a_file_becomes_an_object_and_stays(store: RecordStore, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"rows")

    store.put_file("queries/a/rows.parquet", path)

    assert store.get("queries/a/rows.parquet") == b"rows"
    assert path.read_bytes() == b"rows"


def test_folders_are_in_the_order_of_s3_and_after_the_one_named(store: RecordStore) -> None:
    for name in ("a", "a-b", "a!", "b"):
        store.put(f"queries/{name}/query.json", b"")
    store.put("queries/readme.txt", b"")

    folders = [f"queries/{name}/" for name in ("a!", "a-b", "a", "b")]
    assert store.list_folders("queries/") == folders
    assert store.list_folders("queries/", after="queries/a-") == folders[1:]
    assert store.list_folders("queries/", after="queries/a/") == folders[3:]
    assert store.list_folders("nothing/") == []


def test_readers_of_a_folder_never_see_half_an_object(folder: FolderStore, tmp_path: Path) -> None:
    folder.put("queries/a/query.json", b"one")
    there = folder.path_of("queries/a/query.json")
    inode = there.stat().st_ino

    folder.put("queries/a/query.json", b"two")

    assert there.stat().st_ino != inode  # replaced, not written over
    assert drafts_in(tmp_path / "home") == []


def test_a_folder_that_cannot_be_written_is_said_so(folder: FolderStore, tmp_path: Path) -> None:
    folder.put("queries", b"a file where a folder is needed")

    with pytest.raises(ClusterFailedError, match=r"query\.json"):
        folder.put("queries/a/query.json", b"one")

    assert drafts_in(tmp_path / "home") == []


def test_both_ways_to_the_local_lake_see_the_same(
    endpoint: LocalEndpoint, gateway: S3Store
) -> None:
    folder = FolderStore(Home(endpoint.home), gateway.bucket)

    folder.put("queries/a/query.json", b"one")
    gateway.put("queries/b/query.json", b"two")

    assert gateway.get("queries/a/query.json") == b"one"
    assert folder.get("queries/b/query.json") == b"two"
    assert gateway.list_folders("queries/") == folder.list_folders("queries/")
