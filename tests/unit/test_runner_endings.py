"""However a run is ended, what is known is in S3."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from runner_bench import DEADLINE_S, PYTHONS, Bench, Job, wait_until

CLEANS_UP = """
import signal, sys, time
def stop(*_):
    print("cleaned up")
    sys.exit(9)
signal.signal(signal.SIGTERM, stop)
print("ready")
while True: time.sleep(.1)
"""
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\n"
STUBBORN += "while True: time.sleep(.1)"
SIMPLE = "import time\nprint('ready')\ntime.sleep(300)"


def is_ready(bench: Bench) -> Callable[[], bool]:
    return lambda: "ready" in bench.output("stdout")


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGTERM, "SIGTERM")]
)
def test_a_job_killed_by_a_signal_leaves_its_output_and_the_signals_name(
    tmp_path: Path, python: str, number: int, name: str
) -> None:
    bench = Bench(tmp_path, python)

    finished = bench.run(f"import os\nprint('before')\nos.kill(os.getpid(), {int(number)})")

    assert finished.code == bench.result["exit_code"] == 128 + number
    assert bench.result["signal"] == name
    assert bench.result["cancelled"] is False
    assert bench.output("stdout") == "before\n"


def test_a_job_that_runs_out_of_memory_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    source = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 30,) * 2)\n"
    source += "print('before')\nbytearray(2 << 30)"

    finished = bench.run(source)

    assert finished.code == 1
    assert bench.result["exception"]["type"] == "MemoryError"
    assert bench.output("stdout") == "before\n"


@pytest.mark.parametrize("python", PYTHONS)
def test_sigterm_lets_the_job_clean_up_and_is_recorded(tmp_path: Path, python: str) -> None:
    bench = Bench(tmp_path, python)
    bench.submit(CLEANS_UP)

    with bench.start() as process:
        wait_until(is_ready(bench))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)

    assert process.returncode == bench.result["exit_code"] == 9
    assert bench.result["signal"] == "SIGTERM"
    assert bench.result["provisional"] is False
    assert bench.output("stdout") == "ready\ncleaned up\n"


def test_sigterm_is_in_the_record_before_sigkill_can_follow(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.submit(STUBBORN.replace("while", "time.sleep(.2)\nprint('last words')\nwhile"))

    with bench.start() as process:
        [job] = wait_for_child(process.pid)
        assert process.stdout
        while b"last words" not in process.stdout.readline():
            pass  # the runner passes a line on before S3 has it
        process.send_signal(signal.SIGTERM)
        wait_until((bench.run_folder / "result.json").exists)
        assert job.is_running(), "the record has waited for the job"
        process.kill()
        job.kill()
        process.communicate()

    result = bench.result
    assert result["signal"] == "SIGTERM"
    assert result["exit_code"] == 143
    assert result["provisional"] is True
    assert "last words" in bench.output("stdout")


def test_a_signal_to_the_whole_group_is_recorded_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.submit(SIMPLE)

    with bench.start() as process:
        wait_until(is_ready(bench))
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)

    assert process.returncode == bench.result["exit_code"] == 143
    assert bench.result["signal"] == "SIGTERM"


def test_a_job_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.submit(STUBBORN)

    with bench.start(options={"settings": {"supervision.KILL_AFTER_S": 0.3}}) as process:
        wait_until(is_ready(bench))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)

    assert process.returncode == bench.result["exit_code"] == 137
    assert bench.result["signal"] == "SIGTERM"
    assert bench.result["provisional"] is False


def test_a_signal_that_follows_the_cancel_marker_is_a_cancellation(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.submit(SIMPLE)

    with bench.start() as process:
        wait_until(is_ready(bench))
        (bench.run_folder / "cancel").touch()
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)

    assert bench.result["cancelled"] is True
    assert bench.result["signal"] == "SIGTERM"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_cancel_marker_ends_the_job(tmp_path: Path, python: str) -> None:
    bench = Bench(tmp_path, python)
    bench.submit(SIMPLE)
    settings = {"watch.LOOK_EVERY_S": 0.05, "watch.CANCEL_EVERY": 1}

    with bench.start(options={"settings": settings}) as process:
        wait_until(is_ready(bench))
        (bench.run_folder / "cancel").touch()
        process.communicate(timeout=DEADLINE_S)

    assert process.returncode == bench.result["exit_code"] == 143
    assert bench.result["cancelled"] is True
    assert bench.result["signal"] == "SIGTERM"
    assert bench.result["exception"] is None


def test_a_run_cancelled_before_its_job_began_does_not_begin_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (bench.run_folder / "cancel").touch()

    finished = bench.run("print('never')")

    assert finished.code == 143
    assert finished.copied_stdout == ""
    assert bench.result["cancelled"] is True
    assert bench.result["job_started"] is None


def test_sigterm_before_the_job_began_is_recorded(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (bench.root / "bin").mkdir()
    (bench.root / "bin" / "aws").write_text("#!/bin/sh\ntouch asked\nexec sleep 300\n")
    (bench.root / "bin" / "aws").chmod(0o755)
    secret = "arn:aws:ssm:eu-west-1:1:parameter/x"
    bench.submit(Job({"job.py": SIMPLE}, secrets={"TOKEN": secret}))

    with bench.start(PATH=f"{bench.root}/bin:/usr/bin:/bin") as process:
        wait_until((bench.cwd / "asked").exists)
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)

    assert process.returncode == bench.result["exit_code"] == 143
    assert bench.result["signal"] == "SIGTERM"
    assert bench.result["job_started"] is None


def test_sigterm_while_a_package_is_fetched_is_no_failure_of_the_package(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.submit(SIMPLE)
    packed = bench.root / "code.tar.gz"
    packed.unlink()
    os.mkfifo(packed)

    with bench.start() as process:
        with open_when_read(packed):
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)

    assert process.returncode == bench.result["exit_code"] == 143
    assert bench.result["signal"] == "SIGTERM"
    assert bench.result["exception"] is None


@contextmanager
def open_when_read(fifo: Path) -> Iterator[None]:
    """Wait for a reader of `fifo`, and keep it waiting for content until the end."""
    found: list[int] = []

    def is_open() -> bool:
        with suppress(OSError):  # nobody reads it yet
            found.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return bool(found)

    wait_until(is_open)
    try:
        yield
    finally:
        os.close(found[0])


def wait_for_child(pid: int) -> list[psutil.Process]:
    wait_until(psutil.Process(pid).children)
    return psutil.Process(pid).children()
