"""The daemon: one per home, quick to find, gone without a trace."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from homes import processes_of
from selfserve.errors import ClusterFailedError
from selfserve.local import daemon_client
from selfserve.local.engine.processes import find_marked
from selfserve.local.home import Home
from selfserve.local.marks import CLUSTER_VARIABLE, HOME_VARIABLE, PROCESS_VARIABLE

DEADLINE_S = 60


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


def test_start_twice_finds_the_same_daemon(home: Home) -> None:
    first = daemon_client.ensure_running(home)

    second = daemon_client.ensure_running(home)

    assert second == first


def test_ten_clients_at_once_start_one_daemon(home: Home) -> None:
    home.make()
    found = []

    def start() -> None:
        found.append(daemon_client.ensure_running(home).pid)

    clients = [threading.Thread(target=start) for _ in range(10)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()

    assert len(found) == 10
    assert len(set(found)) == 1


def test_stop_leaves_no_process_and_the_port_free(home: Home) -> None:
    endpoint = daemon_client.ensure_running(home)
    port = int(endpoint.url.rsplit(":", 1)[1])

    assert daemon_client.stop(home) is True

    assert processes_of(home.root) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert daemon_client.running(home) is None


def test_stop_when_nothing_runs_is_fine(home: Home) -> None:
    assert daemon_client.stop(home) is False


def test_keys_and_port_outlive_the_daemon(home: Home) -> None:
    before = daemon_client.ensure_running(home)
    daemon_client.stop(home)

    after = daemon_client.ensure_running(home)

    assert after.environment() == before.environment()


def test_secrets_are_readable_by_the_user_only(home: Home) -> None:
    daemon_client.ensure_running(home)

    assert stat.S_IMODE((home.root / "keys.json").stat().st_mode) == 0o600


def test_secrets_are_in_no_command_line(home: Home) -> None:
    endpoint = daemon_client.ensure_running(home)

    for process in processes_of(home.root):
        assert endpoint.secret_key not in " ".join(process.cmdline())


def test_everything_listens_on_the_loopback_only(home: Home) -> None:
    daemon_client.ensure_running(home)

    listening = [
        connection.laddr.ip
        for process in processes_of(home.root)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert listening
    assert set(listening) == {"127.0.0.1"}


def test_a_killed_daemon_is_replaced_and_its_helpers_are_ended(home: Home) -> None:
    killed = daemon_client.ensure_running(home)
    helpers = {p.pid for p in processes_of(home.root)} - {killed.pid}
    os.kill(killed.pid, signal.SIGKILL)
    wait_until_gone(killed.pid)

    replacement = daemon_client.ensure_running(home)

    assert replacement.pid != killed.pid
    assert helpers
    assert not helpers & {p.pid for p in processes_of(home.root)}


def test_a_daemon_that_a_step_starts_outlives_the_step(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(home.root))
    monkeypatch.setenv(CLUSTER_VARIABLE, "j-OTHER")
    monkeypatch.setenv(PROCESS_VARIABLE, "step-s-OTHER")

    daemon_client.ensure_running(home)

    assert find_marked(home.root) == []


def test_a_taken_port_is_said_in_one_line(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ClusterFailedError, match=f"Port {port} .* cannot be used") as caught:
            daemon_client.ensure_running(home, port=port)

    assert "selfserve local start" in caught.value.hint
    assert processes_of(home.root) == []


def test_an_idle_daemon_ends_itself(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSERVE_LOCAL_IDLE_EXIT_S", "0.5")
    endpoint = daemon_client.ensure_running(home)

    wait_until_gone(endpoint.pid)

    deadline = time.monotonic() + DEADLINE_S
    while processes_of(home.root):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not home.daemon.exists()


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    with pytest.raises(ClusterFailedError, match="Cannot write") as caught:
        daemon_client.ensure_running(Home(blocked / "home"))

    assert "SELFSERVE_LOCAL_HOME" in caught.value.hint


def test_running_loads_no_heavy_module() -> None:
    code = (
        "import sys; from selfserve.local import daemon_client; daemon_client.running()\n"
        "heavy = {'boto3', 'botocore', 'httpx', 'pydantic', 'starlette', 'psutil'}\n"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
