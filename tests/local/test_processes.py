"""Processes that outlive the daemon: exit codes on disk, markers, identities."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from local.engine_bench import eventually
from selfserve.local.engine.processes import (
    ManagedProcess,
    Marker,
    adopt,
    end,
    find_clusters,
    find_marked,
    find_strays,
    kill,
    recorded_exit,
    send,
    spawn,
    to_exit_code,
)

Start = Callable[..., ManagedProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a shell script as process `name` of cluster j-1; ends them all."""
    started = []

    def start(script: str, name: str = "master") -> ManagedProcess:
        marker = Marker(tmp_path, "j-1", name)
        argv = ["sh", "-c", script]
        env = {"PATH": os.environ["PATH"]}
        process = spawn(tmp_path / name, argv, env=env, cwd=tmp_path, marker=marker)
        started.append(process)
        return process

    yield start
    end(lambda: find_marked(tmp_path), grace_s=0)
    for process in started:
        gone(process)


def gone(process: ManagedProcess) -> ManagedProcess:
    eventually(lambda: not process.is_alive(), "the process is gone")
    return process


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exit 0", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -KILL $$", -9),
        ("kill -TERM $$", -15),
        ("kill -SEGV $$", -11),
        ("/no/such/program", 127),
    ],
)
def test_the_exit_code_is_on_disk(start: Start, script: str, expected: int) -> None:
    process = gone(start(script))

    assert process.exit_code() == expected
    assert recorded_exit(process.folder) == expected


@pytest.mark.parametrize(("code", "expected"), [(127, 127), (128, 128), (137, -9), (200, 200)])
def test_only_deadly_signals_become_negative(code: int, expected: int) -> None:
    assert to_exit_code(code) == expected


def test_output_goes_to_files(start: Start) -> None:
    process = gone(start("echo out; echo err >&2"))

    assert (process.folder / "stdout").read_text() == "out\n"
    assert (process.folder / "stderr").read_text() == "err\n"


def test_sigterm_reaches_the_program_and_its_answer_is_recorded(start: Start) -> None:
    process = start("trap 'exit 5' TERM; echo on; while :; do sleep 0.1; done")
    eventually(lambda: (process.folder / "stdout").read_text() == "on\n", "it runs")

    os.killpg(process.pid, signal.SIGTERM)

    assert gone(process).exit_code() == 5


def test_a_killed_program_is_recorded_by_its_shell(start: Start, tmp_path: Path) -> None:
    process = start("echo on; sleep 600")
    eventually(lambda: len(find_marked(tmp_path)) >= 2, "it runs")

    kill(find_marked(tmp_path))

    assert gone(process).exit_code() == -9


def test_a_killed_shell_leaves_no_exit_code(start: Start) -> None:
    process = start("sleep 600")

    send([psutil.Process(process.pid)], signal.SIGKILL)

    assert gone(process).exit_code() is None


def test_descendants_in_sessions_of_their_own_are_found_and_ended(
    start: Start, tmp_path: Path
) -> None:
    process = gone(start("setsid sleep 600 & echo on"))
    assert len(find_marked(tmp_path, "j-1", "master")) == 1

    end(lambda: find_marked(tmp_path), grace_s=1)

    assert find_marked(tmp_path) == []
    assert process.exit_code() == 0


def test_markers_tell_homes_clusters_and_processes_apart(start: Start, tmp_path: Path) -> None:
    start("sleep 600", "master")
    worker = start("sleep 600", "worker-1")

    assert find_clusters(tmp_path) == {"j-1"}
    assert find_clusters(tmp_path / "other") == set()
    assert find_marked(tmp_path, "j-2") == []
    strays = {stray.pid for stray in find_strays(tmp_path, "j-1", keep={"master"})}
    assert worker.pid in strays
    assert strays == {found.pid for found in find_marked(tmp_path, "j-1", "worker-1")}


def test_a_user_who_exports_the_home_variable_is_left_alone(start: Start, tmp_path: Path) -> None:
    start("env -u SELFSERVE_CLUSTER sleep 600 & echo $!")
    eventually((tmp_path / "master" / "stdout").read_text, "it runs")
    pid = int((tmp_path / "master" / "stdout").read_text())
    eventually(lambda: psutil.Process(pid).name() == "sleep", "env has made way for sleep")

    assert pid not in {found.pid for found in find_marked(tmp_path)}
    psutil.Process(pid).kill()


def test_a_process_is_adopted_and_its_end_is_seen(start: Start, tmp_path: Path) -> None:
    started = start("while [ ! -e go ]; do sleep 0.05; done; exit 4")

    adopted = adopt(tmp_path / "master", Marker(tmp_path, "j-1", "master"))
    assert adopted is not None
    assert adopted.is_alive()
    (tmp_path / "go").touch()

    gone(started)
    assert gone(adopted).exit_code() == 4


def test_a_process_is_adopted_though_its_id_was_never_written(start: Start, tmp_path: Path) -> None:
    started = start("sleep 600")
    (tmp_path / "master" / "pid.json").unlink()

    adopted = adopt(tmp_path / "master", Marker(tmp_path, "j-1", "master"))

    assert adopted is not None
    assert adopted.pid == started.pid


def test_a_recycled_process_id_is_not_adopted(start: Start, tmp_path: Path) -> None:
    gone(start("exit 0"))
    record = tmp_path / "master" / "pid.json"
    record.write_text(json.dumps({"pid": os.getpid(), "created": 12345.0}))

    assert adopt(tmp_path / "master", Marker(tmp_path, "j-1", "master")) is None
