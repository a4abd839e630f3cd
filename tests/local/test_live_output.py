"""What a job prints is on the user's screen soon, complete, in order and once, however it ends."""

import json
import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homes import Laptop
from local.submitting import (
    CLUSTER,
    JOB_FAILED,
    ON_CLUSTER,
    Lines,
    lay_out,
    run_id_of,
    spark_cluster,
)

pytestmark = pytest.mark.spark

LINES = 100_000
WITHIN_S = 2.0
SPEAKS_NOW_AND_THEN = """
import time
for n in range(15):
    print(n, time.time())
    time.sleep(0.7)
"""
SPEAKS_AT_FULL_SPEED = f"""
import sys
for n in range({LINES}):
    sys.stdout.write(f"line {{n}}\\n")
"""
PAUSES_IN_THE_MIDDLE = f"""
import pathlib, sys, time
for n in range({LINES}):
    sys.stdout.write(f"line {{n}}\\n")
    if n == {LINES // 2}:
        while not pathlib.Path(sys.argv[1]).exists():
            time.sleep(0.05)
"""
ALL_LINES = "".join(f"line {n}\n" for n in range(LINES))
ENDS_BADLY = """
import os, signal, sys
for n in range(2000):
    sys.stdout.write(f"out {n}\\n")
    sys.stderr.write(f"err {n}\\n")
sys.stdout.write("no newline at the end")
"""
BEFORE_THE_END = "".join(f"out {n}\n" for n in range(2000)) + "no newline at the end"


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with spark_cluster(tmp_path_factory.mktemp("live")) as laptop:
        yield laptop


def test_a_line_is_on_the_screen_two_seconds_after_it_was_printed(
    laptop: Laptop, tmp_path: Path
) -> None:
    job = lay_out(tmp_path, {"job.py": SPEAKS_NOW_AND_THEN}) / "job.py"

    with Lines(laptop.start("submit", str(job), *ON_CLUSTER), time.time) as screen:
        done = screen.finish()

    assert done.returncode == 0, done.stderr
    printed = [line.split() for line, _ in screen.seen]
    assert [int(number) for number, _ in printed] == list(range(15))
    arrived = [moment for _, moment in screen.seen]
    late = [there - float(then) for there, (_, then) in zip(arrived, printed, strict=True)]
    # On a busy machine single lines are late for reasons of its own; what we add, we add to all.
    assert statistics.median(late) <= WITHIN_S, f"the latest after {max(late):.1f} s: {late}"


def test_lines_at_full_speed_arrive_complete_in_order_and_once(
    laptop: Laptop, tmp_path: Path
) -> None:
    job = lay_out(tmp_path, {"job.py": SPEAKS_AT_FULL_SPEED}) / "job.py"

    done = laptop.run("submit", str(job), *ON_CLUSTER)

    assert done.returncode == 0, done.stderr
    assert_same(done.stdout, ALL_LINES)
    assert_same(laptop.must("logs", run_id_of(done)), ALL_LINES)


def test_a_tailing_command_that_was_killed_misses_nothing_when_it_is_started_again(
    laptop: Laptop, tmp_path: Path
) -> None:
    job, go = lay_out(tmp_path, {"job.py": PAUSES_IN_THE_MIDDLE}) / "job.py", tmp_path / "go"
    run_id = laptop.must("submit", str(job), *ON_CLUSTER, "-d", "--", str(go)).strip()
    follow = ("logs", run_id, "-f")
    with Lines(laptop.start(*follow)) as screen:
        screen.until(lambda line: line == f"line {LINES // 2 - 1000}\n")
        screen.process.kill()
        killed = screen.finish()
    with Lines(laptop.start(*follow)) as screen:
        screen.until(lambda line: line == "line 100\n")
        go.touch()

        done = screen.finish()

    assert killed.returncode == -signal.SIGKILL
    assert ALL_LINES.startswith(killed.stdout)
    assert done.returncode == 0, done.stderr
    assert_same(done.stdout, ALL_LINES)


@pytest.mark.parametrize(
    ("end", "exit_code", "reason"),
    [
        pytest.param("raise KeyError('Alien')", 1, "KeyError: 'Alien'", id="raises"),
        pytest.param("os._exit(3)", 3, "it exited with code 3", id="leaves-at-once"),
        pytest.param("os.kill(os.getpid(), signal.SIGTERM)", 143, "SIGTERM", id="sigterm"),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", 137, "SIGKILL", id="sigkill"),
    ],
)
def test_all_that_a_job_has_printed_is_there_however_it_ends(
    laptop: Laptop, tmp_path: Path, end: str, exit_code: int, reason: str
) -> None:
    job = lay_out(tmp_path, {"job.py": f"{ENDS_BADLY}{end}\n"}) / "job.py"

    done = laptop.run("submit", str(job), *ON_CLUSTER)

    assert done.returncode == JOB_FAILED
    assert done.stdout == BEFORE_THE_END
    said = [line for line in done.stderr.splitlines() if line.startswith("err ")]
    assert said == [f"err {n}" for n in range(2000)]
    assert reason in done.stderr
    asked = laptop.run("result", CLUSTER, "-o", "json")
    result = json.loads(asked.stdout)
    assert asked.returncode == JOB_FAILED
    assert (result["run_id"], result["state"]) == (run_id_of(done), "FAILED")
    assert (result["exit_code"], result["result"]["exit_code"]) == (exit_code, exit_code)
    assert reason in result["reason"]


def assert_same(found: str, wanted: str) -> None:
    """Compare long outputs; a failure tells where they part, not all of them."""
    pairs = zip(found.splitlines(), wanted.splitlines(), strict=False)
    first = next((pair for pair in enumerate(pairs) if pair[1][0] != pair[1][1]), None)
    assert first is None
    assert len(found) == len(wanted)
