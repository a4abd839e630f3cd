"""The job's output reaches S3 soon, whole, in order and once."""

import os
import re
import signal
import statistics
import time
from pathlib import Path

import pytest

from runner_bench import DEADLINE_S, PYTHONS, Bench, wait_until
from selfserve.runner import output
from selfserve.runner.output import Stream, object_name
from selfserve.runner.redaction import Redactor

FAST_RETRIES = {"shipping.SHIP_EVERY_S": 0.02, "shipping.RETRY_LIMIT_S": 0.02}


@pytest.mark.parametrize("python", PYTHONS)
def test_output_of_every_kind_arrives_complete_and_in_order(tmp_path: Path, python: str) -> None:
    bench = Bench(tmp_path, python)
    source = """
import os, subprocess, sys
for number in range(100_000):
    print(number)
os.write(1, b"from the descriptor\\n")
subprocess.run(["sh", "-c", "echo from a child; echo error >&2"])
sys.stdout.write("no newline at the end")
"""

    finished = bench.run(source)

    numbers = "".join(f"{number}\n" for number in range(100_000))
    expected = f"{numbers}from the descriptor\nfrom a child\nno newline at the end"
    assert bench.output("stdout") == finished.copied_stdout == expected
    assert bench.output("stderr") == finished.copied_stderr == "error\n"
    assert bench.result["output_lost"] is False


def test_a_line_is_in_s3_within_a_second_and_objects_are_few(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    source = """
import time
for _ in range(60):
    print(repr(time.time()))
    time.sleep(0.05)
time.sleep(1.2)
print(repr(time.time()))
time.sleep(1)
"""
    began = time.monotonic()

    bench.run(source)

    delays = [
        part.stat().st_mtime - float(line)
        for part in bench.parts("stdout")
        for line in part.read_text().splitlines()
    ]
    assert len(delays) == 61
    assert statistics.median(delays) < 1.8  # of single lines, a busy machine may hold one up
    assert len(bench.parts("stdout")) <= 2 + (time.monotonic() - began) / 0.8


def test_output_is_there_while_the_job_runs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.submit("import os, time\nprint('first')\nwhile not os.path.exists('go'): time.sleep(.02)")

    with bench.start() as process:
        wait_until(lambda: "first" in bench.output("stdout"))
        is_running = not (bench.run_folder / "result.json").exists()
        (bench.cwd / "go").touch()
        process.communicate(timeout=DEADLINE_S)

    assert is_running
    assert bench.result["exit_code"] == 0


@pytest.mark.parametrize("failures", [2, 30])
def test_output_survives_a_while_without_s3(tmp_path: Path, failures: int) -> None:
    bench = Bench(tmp_path)
    source = "import time\nfor n in range(10): print(n); time.sleep(.05)"

    finished = bench.run(source, options={"failures": failures, "settings": FAST_RETRIES})

    assert bench.output("stdout") == "".join(f"{n}\n" for n in range(10))
    assert bench.result["output_lost"] is False
    assert "will try again" in finished.copied_stderr


def test_output_that_s3_never_takes_is_lost_and_said_to_be(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    settings = {**FAST_RETRIES, "shipping.LAST_ATTEMPTS_S": 0.3}

    finished = bench.run("print('x')", options={"failures": 10**9, "settings": settings})

    assert finished.code == 0
    assert finished.copied_stdout == "x\n"
    assert bench.result["output_lost"] is True


def test_what_is_lost_while_s3_is_away_for_long_leaves_a_mark(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    settings = {
        "shipping.SHIP_EVERY_S": 0.3,
        "shipping.RETRY_LIMIT_S": 0.3,
        "output.BACKLOG_LIMIT": 100_000,
        "output.STALL_LIMIT_S": 0.1,
    }
    source = "import time\nfor n in range(400): print('%01000d' % n); time.sleep(.005)"

    finished = bench.run(source, options={"failures": 5, "settings": settings})

    kept = bench.output("stdout")
    [lost] = re.findall(r"\[selfserve: (\d+) bytes of output are missing here", kept)
    lines = re.findall(r"^\d{1000}$", kept, re.MULTILINE)
    assert finished.code == 0
    assert len(finished.copied_stdout) == 400 * 1001
    assert bench.result["output_lost"] is True
    assert 0 < int(lost) <= 400 * 1001 - 100_000
    assert lines == sorted(set(lines))
    assert lines[-1] == f"{399:01000d}"


def test_a_dead_jvm_ends_neither_the_job_nor_its_output(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    source = "import time\nfor n in range(20): print(n); time.sleep(.1)\nraise SystemExit(5)"

    finished = bench.run(source, options={"dies_after": 1})

    assert finished.code == 5
    assert finished.copied_stdout == "".join(f"{n}\n" for n in range(20))
    assert finished.copied_stderr.count("the JVM has ended") == 2  # the output, the result
    assert not (bench.run_folder / "result.json").exists()


def test_a_reader_that_has_gone_does_not_hide_the_result(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.submit("for n in range(50_000): print(n)\nraise KeyError('x')")

    with bench.start() as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stderr.close()
        code = process.wait(DEADLINE_S)

    assert code == 1
    assert bench.output("stdout").endswith("49999\n")
    assert "KeyError" in bench.output("stderr")
    assert bench.result["exception"]["type"] == "KeyError"


def test_a_second_attempt_writes_after_the_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (bench.run_folder / "stdout").mkdir()
    (bench.run_folder / "stdout" / "000007").write_text("first attempt\n")

    bench.run("print('second attempt')")

    assert bench.output("stdout") == "first attempt\nsecond attempt\n"


def test_a_process_that_outlives_the_job_does_not_hold_it_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    started = time.monotonic()

    bench.run("import subprocess\nprint(subprocess.Popen(['sleep', '300']).pid)")

    os.kill(int(bench.output("stdout")), signal.SIGKILL)
    assert time.monotonic() - started < DEADLINE_S


def test_object_names_sort_in_the_order_of_writing() -> None:
    numbers = [1, 2, 9, 10, 999_999, 1_000_000, 1_000_001, 23_000_000]

    names = [object_name(number) for number in numbers]

    assert names[0] == "000001"
    assert names == sorted(names)


@pytest.mark.parametrize("last", [7, 1_000_001])
def test_numbers_go_on_after_those_that_are_there(last: int) -> None:
    stream, written = a_stream(Path(os.devnull)), []

    stream.resume_after([object_name(last), ".000001.crc", object_name(3)])
    stream.take(b"x")
    stream.ship(lambda name, _: written.append(name))

    assert written == [f"stdout/{object_name(last + 1)}"]


def test_what_may_have_arrived_is_written_again_as_it_was(tmp_path: Path) -> None:
    stream = a_stream(tmp_path / "copy")
    arrived: dict[str, bytes] = {}

    def lose_the_answer(name: str, body: bytes) -> None:
        arrived[name] = body
        raise ConnectionError

    stream.take(b"one ")
    with pytest.raises(ConnectionError):
        stream.ship(lose_the_answer)
    stream.take(b"two")
    rewritten: dict[str, bytes] = {}
    stream.ship(lambda name, body: rewritten.update({name: body}))

    assert arrived == {"stdout/000001": b"one "}
    assert rewritten == {"stdout/000001": b"one ", "stdout/000002": b"two"}


def test_a_stream_that_gave_up_takes_on_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "BACKLOG_LIMIT", 10)
    stream = a_stream(tmp_path / "copy")
    stream.take(b"more than fits")
    stream.give_up()

    stream.take(b", and more")

    assert stream.is_lossy
    assert (tmp_path / "copy").read_bytes() == b"more than fits, and more"


def a_stream(copy: Path) -> Stream:
    descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT)
    with Path(os.devnull).open("rb") as nothing:
        return Stream("stdout", nothing, descriptor, Redactor().stream())
