"""Sharing a machine out, choosing a Python: the pure decisions behind a start."""

import pytest

from local.example_clusters import starting
from selfserve.local.engine.machine import Machine, plan_workers, this_machine
from selfserve.local.engine.pins import SparkPin, pin_of
from selfserve.local.runtime.python_choice import decide_python
from selfserve.local.runtime.spark_needs import Version, needs_of


@pytest.mark.parametrize(
    ("cores", "memory_gib", "wanted", "expected"),
    [
        pytest.param(8, 32, 2, (2, 4, 9830), id="as-many-as-wanted"),
        pytest.param(8, 32, 20, (8, 1, 2457), id="no-more-than-cores"),
        pytest.param(8, 4, 4, (2, 4, 1228), id="no-more-than-memory"),
        pytest.param(8, 32, 3, (3, 3, 6553), id="cores-are-rounded-and-memory-is-not"),
        pytest.param(2, 16, 0, (1, 2, 9830), id="a-primary-alone-still-runs-jobs"),
        pytest.param(1, 1, 3, (1, 1, 614), id="the-smallest-machine"),
    ],
)
def test_a_cluster_of_fixed_size_takes_the_whole_machine_at_once(
    cores: int, memory_gib: int, wanted: int, expected: tuple[int, int, int]
) -> None:
    plan = plan_workers(Machine(cores, memory_gib * 1024), wanted, wanted)

    assert plan.start == plan.count
    assert (plan.count, plan.cores, plan.memory_mib) == expected
    assert (plan.note is not None) == (wanted > plan.count)


@pytest.mark.parametrize(
    ("cores", "memory_gib", "wanted", "most", "expected"),
    [
        pytest.param(2, 16, 1, 4, (1, 2, 1, 4915), id="one-to-two-on-two-cores"),
        pytest.param(8, 32, 1, 2, (1, 2, 4, 9830), id="one-to-two-on-eight"),
        pytest.param(16, 32, 3, 20, (3, 6, 3, 3276), id="half-of-the-machine-at-the-start"),
        pytest.param(4, 16, 3, 20, (3, 4, 1, 2457), id="as-far-as-the-machine-goes"),
        pytest.param(2, 16, 3, 20, (2, 2, 1, 4915), id="no-room-to-grow"),
        pytest.param(8, 32, 4, 2, (4, 4, 2, 4915), id="a-maximum-below-the-start"),
    ],
)
def test_a_cluster_that_scales_keeps_room_to_grow(
    *, cores: int, memory_gib: int, wanted: int, most: int, expected: tuple[int, int, int, int]
) -> None:
    plan = plan_workers(Machine(cores, memory_gib * 1024), wanted, most)

    assert (plan.start, plan.count, plan.cores, plan.memory_mib) == expected
    assert plan.count * plan.cores <= cores * 4 / 3


def test_this_machine_has_something() -> None:
    machine = this_machine()

    assert machine.cores >= 1
    assert machine.memory_mib > 0


ON_DISK: dict[Version, str] = {(3, 9): "/py39", (3, 11): "/py311", (3, 14): "/py314"}


@pytest.mark.parametrize(
    ("spark", "wanted", "version", "program", "note"),
    [
        pytest.param("3.5.8", "3.11", "3.11", "/py311", None, id="the-releases-own"),
        pytest.param("3.5.8", "3.12", "3.11", "/py311", "not on this machine", id="nearest"),
        pytest.param("3.5.8", "3.10", "3.11", "/py311", "not on this machine", id="newer-first"),
        pytest.param("3.3.2", "3.7", "3.9", "/py39", "not on this machine", id="older-spark"),
        pytest.param("3.3.2", "3.12", "3.9", "/py39", "does not run on", id="never-ran-there"),
        pytest.param("2.4.8", "3.7", "3.7", None, "uv downloads 3.7", id="none-fits"),
    ],
)
def test_decide_python(
    spark: str, wanted: str, version: str, program: str | None, note: str | None
) -> None:
    choice = decide_python(needs_of(spark), wanted, ON_DISK)

    assert (choice.version, choice.program) == (version, program)
    assert choice.note is None if note is None else note in (choice.note or "")


@pytest.mark.parametrize(
    ("spark", "numpy"),
    [("3.2.1", "numpy<1.24"), ("3.5.8", "numpy<2"), ("4.1.1", "numpy>=1.22")],
)
def test_numpy_is_one_that_pyspark_works_with(spark: str, numpy: str) -> None:
    assert needs_of(spark).numpy == numpy


@pytest.mark.parametrize(
    ("applications", "expected"),
    [
        pytest.param(["Spark", "Livy"], SparkPin("3.5.8", "3.11"), id="spark"),
        pytest.param(["hive"], SparkPin("3.5.8", "3.11"), id="hive-runs-on-spark-here"),
        pytest.param(["Trino"], None, id="trino-does-not-run-here"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_pin_of(applications: list[str], expected: SparkPin | None) -> None:
    names = [{"Name": name} for name in applications]

    assert pin_of(starting(Applications=names)) == expected
