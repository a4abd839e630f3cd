"""What every ObjectStore promises, wherever the objects are."""

from datetime import timedelta
from pathlib import Path

from selfserve.backends.base import ObjectStore


def test_what_was_put_can_be_got(store: ObjectStore) -> None:
    assert store.put("a/b ü+%.json", b"\x00content")

    assert store.get("a/b ü+%.json") == b"\x00content"


def test_a_put_replaces_what_was_there(store: ObjectStore) -> None:
    store.put("key", b"old")

    assert store.put("key", b"new")

    assert store.get("key") == b"new"


def test_an_empty_object_is_not_an_absent_one(store: ObjectStore) -> None:
    store.put("empty", b"")

    assert store.get("empty") == b""
    assert store.exists("empty")


def test_an_absent_object_is_none(store: ObjectStore) -> None:
    assert store.get("absent") is None
    assert store.get_with_etag("absent") is None
    assert not store.exists("absent")


def test_an_object_becomes_a_file(store: ObjectStore, tmp_path: Path) -> None:
    body = b"0123456789abcdef" * 640_000  # more than one piece
    store.put("large", body)

    assert store.get_file("large", tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == body
    assert not store.get_file("absent", tmp_path / "other")


def test_only_the_first_of_two_puts_that_must_be_first_succeeds(store: ObjectStore) -> None:
    assert store.put("claim", b"mine", only_if_absent=True)
    assert not store.put("claim", b"yours", only_if_absent=True)

    assert store.get("claim") == b"mine"


def test_a_replacement_of_the_version_seen_succeeds(store: ObjectStore) -> None:
    store.put("lease", b"one")
    found = store.get_with_etag("lease")
    assert found is not None

    assert store.swap("lease", b"two", etag=found[1]) is not None

    assert store.get("lease") == b"two"


def test_a_replacement_of_an_older_version_changes_nothing(store: ObjectStore) -> None:
    store.put("lease", b"one")
    found = store.get_with_etag("lease")
    assert found is not None
    store.put("lease", b"two")

    assert store.swap("lease", b"three", etag=found[1]) is None

    assert store.get("lease") == b"two"


def test_a_replacement_of_a_deleted_object_changes_nothing(store: ObjectStore) -> None:
    store.put("lease", b"one")
    found = store.get_with_etag("lease")
    assert found is not None
    store.delete("lease")

    assert store.swap("lease", b"two", etag=found[1]) is None

    assert not store.exists("lease")


def test_only_the_first_of_two_swaps_of_nothing_succeeds(store: ObjectStore) -> None:
    assert store.swap("lease", b"mine", etag=None) is not None
    assert store.swap("lease", b"yours", etag=None) is None

    assert store.get("lease") == b"mine"


def test_a_swap_tells_the_version_that_the_next_one_needs(store: ObjectStore) -> None:
    first = store.swap("lease", b"one", etag=None)
    second = store.swap("lease", b"two", etag=first)

    assert second is not None
    assert store.swap("lease", b"three", etag=first) is None
    assert store.get_with_etag("lease") == (b"two", second)


def test_each_key_is_listed_with_when_it_was_written(store: ObjectStore) -> None:
    store.put("beats/1", b"one")
    store.put("elsewhere", b"two")

    found = store.list_modified("beats/")

    assert list(found) == ["beats/1"]
    assert found["beats/1"].utcoffset() == timedelta(0)


def test_keys_are_listed_in_order_below_their_prefix_only(store: ObjectStore) -> None:
    for key in ("runs/2/b", "runs/1/a", "runs/10/c", "launches/1"):
        store.put(key, b"")

    assert store.list_keys("runs/") == ["runs/1/a", "runs/10/c", "runs/2/b"]
    assert store.list_keys("nothing/") == []


def test_a_listing_can_start_after_a_key(store: ObjectStore) -> None:
    for key in ("out/000001", "out/000002", "out/000003"):
        store.put(key, b"")

    assert store.list_keys("out/", after="out/000001") == ["out/000002", "out/000003"]
    assert store.list_keys("out/", after="out/000003") == []


def test_a_listing_of_keys_is_whole_however_long(store: ObjectStore) -> None:
    # S3 lists 1,000 at a time. In folders, because a local one is read anew for each object.
    keys = [f"many/{number // 50:03}/{number % 50:02}" for number in range(1_100)]
    for key in keys:
        store.put(key, b"")

    assert store.list_keys("many/") == keys


def test_folders_are_listed_in_order_however_much_is_in_them(store: ObjectStore) -> None:
    for key in ("runs/b/x/y", "runs/a/1", "runs/a/2", "runs/c/1", "runs/file", "other/d/1"):
        store.put(key, b"")

    assert store.list_folders("runs/") == ["runs/a/", "runs/b/", "runs/c/"]
    assert store.list_folders("nothing/") == []


def test_a_listing_of_folders_can_start_after_one(store: ObjectStore) -> None:
    for key in ("runs/r-01/1", "runs/r-02/1", "runs/r-02/2", "runs/r-03/1"):
        store.put(key, b"")

    assert store.list_folders("runs/", after="runs/r-02") == ["runs/r-02/", "runs/r-03/"]
    assert store.list_folders("runs/", after="runs/r-02/") == ["runs/r-03/"]
    assert store.list_folders("runs/", after="runs/r-03/zzz") == []


def test_a_listing_of_folders_is_whole_however_long(store: ObjectStore) -> None:
    folders = [f"many/{number:06}/" for number in range(1_010)]  # S3 lists 1,000 at a time
    for folder in folders:
        store.put(f"{folder}one", b"")

    assert store.list_folders("many/") == folders


def test_deleting_twice_is_fine(store: ObjectStore) -> None:
    store.put("key", b"content")

    store.delete("key")
    store.delete("key")

    assert not store.exists("key")
