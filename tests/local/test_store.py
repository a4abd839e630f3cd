"""The store: what was saved is there, and trouble is said with a way out."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.example_clusters import gone, minutes, starting, step_config, up
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import NodeRole
from selfserve.local.control.records import (
    ClusterRecord,
    InstanceRecord,
    NodeGroupRecord,
    StepRecord,
)
from selfserve.local.control.store import SCHEMA_VERSION, Store, StoreError, from_json, to_json

TEXT = st.text(st.characters(), max_size=8)  # lone surrogates included: JSON requests can have them
TIMES = st.timedeltas(timedelta(0), timedelta(days=40_000)).map(
    lambda age: datetime(1970, 1, 1, tzinfo=UTC) + age
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)
RECORDS = st.builds(
    ClusterRecord,
    request=OBJECTS,
    name=TEXT,
    state=st.sampled_from(ClusterState),
    id=TEXT,
    release=TEXT,
    created=TIMES,
    ready=st.none() | TIMES,
    ended=st.none() | TIMES,
    reason_code=st.none() | TEXT,
    reason=st.none() | TEXT,
    tags=st.dictionaries(TEXT, TEXT, max_size=3),
    keep_alive=st.booleans(),
    protected=st.booleans(),
    step_concurrency=st.integers(1, 256),
    idle_timeout_s=st.none() | st.integers(60, 604_800),
    idle_since=st.none() | TIMES,
    scaling=st.none() | OBJECTS,
    groups=st.lists(
        st.builds(NodeGroupRecord, config=OBJECTS, role=st.sampled_from(NodeRole)), max_size=2
    ).map(tuple),
    instances=st.lists(
        st.builds(InstanceRecord, created=TIMES, ready=st.none() | TIMES, ended=st.none() | TIMES),
        max_size=2,
    ).map(tuple),
    steps=st.lists(
        st.builds(
            StepRecord,
            name=TEXT,
            args=st.lists(TEXT, max_size=3).map(tuple),
            properties=st.dictionaries(TEXT, TEXT, max_size=2),
            state=st.sampled_from(StepState),
            created=TIMES,
            started=st.none() | TIMES,
            ended=st.none() | TIMES,
            exit_code=st.none() | st.integers(-64, 255),
            message=st.none() | TEXT,
        ),
        max_size=2,
    ).map(tuple),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path)
    yield opened
    opened.close()


@given(RECORDS)
def test_every_record_comes_back_exactly(record: ClusterRecord) -> None:
    assert from_json(to_json(record)) == record


def test_saved_clusters_are_there_after_reopening_oldest_first(path: Path) -> None:
    store = Store(path)
    first, second = starting(), up(step_config())
    second = replace(second, id="j-AAAA")
    store.save(first)
    store.save(second)
    store.save(gone())  # the same cluster as the first, later
    store.close()

    reopened = Store(path)
    loaded = reopened.load_all()
    reopened.close()

    assert loaded == [gone(), second]


def test_only_clusters_that_ended_long_ago_are_forgotten(store: Store) -> None:
    live = replace(up(), id="j-LIVE")
    store.save(gone())
    store.save(live)

    assert store.delete_ended_before(minutes(3)) == 0
    assert store.delete_ended_before(minutes(3) + timedelta(seconds=1)) == 1
    assert store.load_all() == [live]


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    Store(path).close()
    _sql(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")

    with pytest.raises(StoreError, match="newer selfserve") as caught:
        Store(path)

    assert "selfserve local reset" in caught.value.hint
    assert "Upgrade" in caught.value.hint


def test_a_file_that_is_no_database_is_an_error_with_a_way_out(path: Path) -> None:
    path.write_bytes(b"not a database, " * 400)

    with pytest.raises(StoreError, match=str(path)) as caught:
        Store(path)

    assert "selfserve local reset" in caught.value.hint


@pytest.mark.parametrize("record", ["{", "{}", '{"id": 3}', "[]"])
def test_a_damaged_record_is_an_error_with_a_way_out(store: Store, path: Path, record: str) -> None:
    store.save(starting())
    _sql(path, "UPDATE clusters SET record = ?", record)

    with pytest.raises(StoreError, match="damaged") as caught:
        store.load_all()

    assert "selfserve local reset" in caught.value.hint


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Cannot open"):
        Store(tmp_path / "none" / "state.db")


def test_a_full_disk_is_an_error_and_loses_nothing_that_was_saved(store: Store) -> None:
    store.save(starting())
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")  # what SQLite sees of a full disk

    with pytest.raises(StoreError, match="full") as caught:
        store.save(replace(starting(), id="j-BIG", name="x" * 100_000))

    assert "Free some disk space" in caught.value.hint
    assert store.load_all() == [starting()]


SAVE_THEN_DIE = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from local.example_clusters import starting
from selfserve.local.control.store import Store

store = Store(Path(sys.argv[1]))
for number in range(25):
    store.save(replace(starting(), id=f"j-{number}"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_9_after_a_save_loses_nothing(path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    killed = subprocess.run(
        [sys.executable, "-c", SAVE_THEN_DIE, str(path)],
        env={**os.environ, "PYTHONPATH": tests},
        check=False,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL

    store = Store(path)
    loaded = store.load_all()
    store.close()

    assert [cluster.id for cluster in loaded] == [f"j-{number}" for number in range(25)]


def _sql(path: Path, statement: str, *values: str) -> None:
    database = sqlite3.connect(path)
    database.execute(statement, values)
    database.commit()
    database.close()
