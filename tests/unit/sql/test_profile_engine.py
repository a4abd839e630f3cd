"""The engine of a profile: found out once, and again when a file has changed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from selfserve.core.sql.engines import Engine
from selfserve.errors import BadInputError
from selfserve.usecases.sql import profile_engine
from selfserve.usecases.sql.profile_engine import ProfileEngine, find_engine
from sql_ways import NO_ENGINE, PRESTO, TRINO
from targets import BASE, write_profiles


class Place:
    """A working directory and a configuration folder, both with profiles."""

    def __init__(self, root: Path) -> None:
        self.here = root / "here" / "cluster_profiles"
        self.yours = root / "yours" / "cluster_profiles"
        self.cache = root / "cache" / "sql-engines"

    def write(self, name: str, text: str) -> None:
        """As an editor does; the file's time differs even on a coarse clock."""
        path = self.here / f"{name}.yaml"
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(before + 10**9, before + 10**9))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    write_profiles(place.here, trino=TRINO, presto=PRESTO, nothing=NO_ENGINE)
    monkeypatch.chdir(place.here.parent)
    monkeypatch.setenv("SELFSERVE_CONFIG", str(tmp_path / "yours" / "config.yaml"))
    monkeypatch.setenv("SELFSERVE_CACHE", str(tmp_path / "cache"))
    return place


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The profiles that were read whole, in order."""
    names: list[str] = []
    resolve: Callable[[str], tuple[ProfileEngine, tuple[str, ...]]] = profile_engine._resolve

    def watched(name: str) -> tuple[ProfileEngine, tuple[str, ...]]:
        names.append(name)
        return resolve(name)

    monkeypatch.setattr(profile_engine, "_resolve", watched)
    return names


@pytest.mark.parametrize(
    ("name", "engine", "version"),
    [
        ("trino", Engine.TRINO, "479"),
        ("presto", Engine.PRESTO, "0.287"),
        ("small", Engine.SPARK, "3.5.6"),
        ("nothing", None, None),
    ],
)
def test_the_applications_say_the_engine(
    place: Place, name: str, engine: Engine | None, version: str | None
) -> None:
    assert place.here.is_dir()

    found = find_engine(name)

    assert found is not None
    assert (found.profile, found.engine) == (name, engine)
    assert (found.version or "").startswith(version or "")
    assert find_engine(name) == found  # as it is remembered


def test_the_shipped_profiles_are_for_sql(place: Place) -> None:
    assert place.here.is_dir()

    engines = {name: find_engine(name) for name in ("adhoc-presto", "hive-batch", "spark-ml")}

    assert {name: found.engine for name, found in engines.items() if found} == {
        "adhoc-presto": Engine.TRINO,
        "hive-batch": Engine.HIVE,
        "spark-ml": Engine.SPARK,
    }


def test_what_is_no_profile_is_none(place: Place) -> None:
    assert place.here.is_dir()

    assert find_engine("no-such-profile") is None
    assert not place.cache.exists()


def test_while_nothing_changes_memory_answers(place: Place, resolved: list[str]) -> None:
    assert place.here.is_dir()

    assert find_engine("trino") == find_engine("trino") == find_engine("trino")

    assert resolved == ["trino"]


def test_a_change_of_the_profile_is_seen(place: Place, resolved: list[str]) -> None:
    find_engine("trino")

    place.write("trino", PRESTO)

    found = find_engine("trino")
    assert found is not None
    assert found.engine is Engine.PRESTO
    assert resolved == ["trino", "trino"]


def test_a_change_of_what_it_extends_is_seen(place: Place, resolved: list[str]) -> None:
    place.write("trino", "extends: middle\n")
    place.write("middle", TRINO)
    find_engine("trino")

    place.write("middle", PRESTO)

    found = find_engine("trino")
    assert found is not None
    assert found.engine is Engine.PRESTO
    place.write("_base", BASE + "# a remark\n")
    find_engine("trino")
    assert resolved == ["trino"] * 3


def test_a_nearer_file_is_seen(place: Place, resolved: list[str]) -> None:
    (place.here / "trino.yaml").unlink()
    write_profiles(place.yours, trino=TRINO)
    find_engine("trino")

    place.write("trino", PRESTO)

    found = find_engine("trino")
    assert found is not None
    assert found.engine is Engine.PRESTO
    (place.here / "trino.yaml").unlink()
    again = find_engine("trino")
    assert again is not None
    assert again.engine is Engine.TRINO
    assert resolved == ["trino"] * 3


def test_a_profile_that_has_gone_is_gone(place: Place) -> None:
    find_engine("trino")

    (place.here / "trino.yaml").unlink()

    assert find_engine("trino") is None


def test_a_profile_that_is_wrong_says_so(place: Place) -> None:
    place.write("trino", "extends: _base\nnodes: none\n")

    with pytest.raises(BadInputError):
        find_engine("trino")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "files": [1]}', "{", "\xff"])
def test_a_memory_that_is_damaged_is_none(place: Place, resolved: list[str], text: str) -> None:
    find_engine("trino")
    (memory,) = place.cache.iterdir()
    memory.write_text(text, encoding="latin-1")

    found = find_engine("trino")

    assert found is not None
    assert found.engine is Engine.TRINO
    assert resolved == ["trino", "trino"]


def test_without_a_place_for_memory_it_works_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSERVE_CACHE", str(place.here / "trino.yaml" / "no folder"))

    assert find_engine("trino") == find_engine("trino") is not None
