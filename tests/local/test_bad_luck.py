"""What can go wrong does: the truth is told in a line and a hint, and nothing is left running."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from homes import Laptop, daemons_of, finish, processes_of
from local.engine_bench import eventually
from local.submitting import CLUSTER, spark_cluster
from selfserve.backends.emr.backend import EmrBackend
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import StepSpec
from selfserve.errors import AwsError
from selfserve.local import daemon_client
from selfserve.local.endpoint import LocalEndpoint
from selfserve.local.engine.processes import end, find_marked
from selfserve.local.home import Home
from selfserve.local.runtime.install import default_source, ensure_runtime
from selfserve.usecases.targets.local_clients import local_clients
from selfserve.usecases.targets.revival import LocalLink, RevivingBackend
from specs import SPEC, step

T = TypeVar("T")

TESTS = Path(__file__).parents[1]
WITH_SPARK = replace(SPEC, applications=("Spark",), log_uri="s3://selfserve-local/logs/")
NO_SPARK_PROFILE = "adhoc-presto"  # up at once: Trino is no process here
DEADLINE_S = 400
LOOK_S = 0.1


@dataclass(frozen=True)
class FragileEndpoint:
    """An endpoint whose daemon dies at every point of its work; see `fragile_daemon.py`."""

    home: Home
    deaths: Path
    daemons: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def ask(self, question: Callable[[EmrBackend], T]) -> T:
        """The answer of whichever daemon lives long enough to give it."""
        while True:
            try:
                return question(EmrBackend(local_clients(self._endpoint())))
            except AwsError:
                if daemon_client.running(self.home) is not None:
                    raise

    def until(self, fact: Callable[[EmrBackend], bool]) -> None:
        """Look until it is true."""
        deadline = time.monotonic() + DEADLINE_S
        while not self.ask(fact):
            assert time.monotonic() < deadline, "it never became true"
            time.sleep(LOOK_S)

    def _endpoint(self) -> LocalEndpoint:
        while (endpoint := daemon_client.running(self.home)) is None:
            self._start()
        return endpoint

    def _start(self) -> None:
        """Start a daemon; returns when it answers or is dead."""
        command = [sys.executable, "-m", "local.fragile_daemon", "--home", str(self.home.root)]
        with self.home.log.open("ab") as log:
            daemon = subprocess.Popen(
                [*command, str(self.deaths)],
                env={**os.environ, "PYTHONPATH": str(TESTS)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.daemons.append(daemon)
        while daemon.poll() is None and daemon_client.running(self.home) is None:
            time.sleep(LOOK_S)
        assert daemon.poll() in {None, -signal.SIGKILL}, self.home.log.read_text()


@pytest.fixture
def fragile(home: Home, tmp_path: Path) -> Iterator[FragileEndpoint]:
    """An endpoint of that kind, in a home of its own."""
    home.make()
    endpoint = FragileEndpoint(home, tmp_path / "deaths")
    yield endpoint
    daemon_client.stop(home)
    for daemon in endpoint.daemons:
        daemon.wait(60)


@pytest.mark.spark
def test_a_daemon_that_dies_at_every_point_of_its_work_loses_and_repeats_nothing(
    fragile: FragileEndpoint, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    good = step("good", "bash", "-c", f"echo good >> {ran}")
    bad = step("bad", "bash", "-c", f"echo bad >> {ran}; exit 3")

    def find_or_launch(backend: EmrBackend) -> str:
        return next((seen.id for seen in backend.list_clusters()), "") or backend.launch(WITH_SPARK)

    cluster_id = fragile.ask(find_or_launch)
    fragile.until(lambda backend: not backend.describe(cluster_id).state.is_starting)
    for wanted in (good, bad):
        step_id = fragile.ask(partial(find_or_add, cluster_id=cluster_id, wanted=wanted))
        is_over = partial(step_is_over, cluster_id=cluster_id, step_id=step_id)
        fragile.until(is_over)
    fragile.ask(lambda backend: backend.terminate([cluster_id]))
    fragile.until(lambda backend: backend.describe(cluster_id).state.is_gone)

    seen = fragile.ask(lambda backend: backend.describe(cluster_id))
    outcomes = fragile.ask(lambda b: {s.name: s.state for s in b.list_steps(cluster_id)})
    assert (seen.state, seen.reason_code) == (ClusterState.TERMINATED, "USER_REQUEST")
    assert outcomes == {"good": StepState.COMPLETED, "bad": StepState.FAILED}
    assert ran.read_text() == "good\nbad\n"
    assert len(fragile.deaths.read_text().splitlines()) >= 20
    assert find_marked(fragile.home.root) == []


def find_or_add(backend: EmrBackend, *, cluster_id: str, wanted: StepSpec) -> str:
    known = {seen.name: seen.id for seen in backend.list_steps(cluster_id)}
    return known.get(wanted.name) or backend.add_steps(cluster_id, [wanted])[0]


def step_is_over(backend: EmrBackend, *, cluster_id: str, step_id: str) -> bool:
    return backend.describe_step(cluster_id, step_id).state.is_over


@pytest.mark.spark
def test_a_cluster_that_dies_with_the_daemon_is_told_as_failed(home: Home, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    backend = RevivingBackend(LocalLink(daemon_client.ensure_running(home), "selfserve-local"))
    slow = step("slow", "bash", "-c", f"touch {begun}; exec sleep 600")
    cluster_id = backend.launch(replace(WITH_SPARK, steps=(slow,)))
    eventually(begun.exists, "the step runs")
    kill_daemon(home)
    end(lambda: find_marked(home.root), grace_s=0)

    eventually(lambda: backend.describe(cluster_id).state.is_gone, "it is told as gone")

    seen = backend.describe(cluster_id)
    assert seen.state is ClusterState.TERMINATED_WITH_ERRORS
    assert "Master died" in (seen.reason or "")
    assert [seen.state for seen in backend.list_steps(cluster_id)] != [StepState.COMPLETED]
    assert find_marked(home.root) == []


def kill_daemon(home: Home) -> None:
    daemons = daemons_of(home.root)
    assert daemons
    for daemon in daemons:
        daemon.kill()
    psutil.wait_procs(daemons, timeout=60)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """The command line, and a Spark cluster that is up."""
    with spark_cluster(tmp_path_factory.mktemp("luck")) as laptop:
        yield laptop


@pytest.mark.spark
def test_submit_tells_the_truth_though_the_daemon_dies_under_it(
    laptop: Laptop, tmp_path: Path
) -> None:
    job, go = tmp_path / "job.py", tmp_path / "go"
    job.write_text(
        "import pathlib, time\n"
        "print('one', flush=True)\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.1)\n"
        "print('two')\n"
    )
    command = laptop.start("submit", str(job), "-c", CLUSTER)
    assert command.stdout is not None
    try:
        assert command.stdout.readline() == "one\n"
        kill_daemon(laptop.home)
    finally:
        go.touch()

    done = finish(command)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "two\n"
    assert "Traceback" not in done.stderr
    [cluster] = json.loads(laptop.must("status", "-o", "json"))
    assert cluster["state"] == "WAITING"


@pytest.mark.spark
def test_a_job_that_is_killed_fails_the_command_and_says_by_which_signal(
    laptop: Laptop, tmp_path: Path
) -> None:
    job = tmp_path / "job.py"
    job.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")

    done = laptop.run("submit", str(job), "-c", CLUSTER)

    assert done.returncode == 5
    assert "SIGKILL" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("count", [2, 5])
def test_several_up_of_one_name_at_once_give_one_cluster(home: Home, count: int) -> None:
    laptop = Laptop(home)
    up = ("up", NO_SPARK_PROFILE, "--name", "same", "-o", "json")

    done = [finish(command) for command in [laptop.start(*up) for _ in range(count)]]

    assert [one.returncode for one in done] == [0] * count, [one.stderr for one in done]
    ids = {json.loads(one.stdout)["id"] for one in done}
    assert len(ids) == 1
    status = json.loads(laptop.must("status", "-o", "json"))
    assert [cluster["id"] for cluster in status] == list(ids)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=2m", "selfserve-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def full_laptop(small_disk: Path) -> Iterator[Laptop]:
    """A laptop whose local target lies on a small disk."""
    laptop = Laptop(Home(small_disk / "home"))
    yield laptop
    daemon_client.stop(laptop.home)
    assert processes_of(laptop.home.root) == []


def fill(folder: Path) -> None:
    """Write until there is no room for another byte."""
    with (folder / "filler").open("ab", buffering=0) as file:
        for size in (2**16, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@pytest.mark.parametrize(
    "is_started", ["", "is started"], ids=["before-the-daemon", "under-the-daemon"]
)
def test_a_full_disk_is_said_in_one_line(full_laptop: Laptop, is_started: str) -> None:
    if is_started:
        full_laptop.must("local", "start")
    fill(full_laptop.home.root.parent)

    done = full_laptop.run("up", NO_SPARK_PROFILE)

    assert done.returncode in {2, 3, 6}, done.stderr
    assert_one_line_and_a_hint(done.stderr, "space")
    assert find_marked(full_laptop.home.root) == []


def assert_one_line_and_a_hint(stderr: str, *words: str) -> None:
    error = stderr[stderr.index("error:") :].strip().splitlines()
    assert len(error) == 2, stderr
    assert error[1].strip().startswith("hint:")
    assert "Traceback" not in stderr
    for word in words:
        assert word in stderr


@pytest.mark.spark
def test_a_machine_without_java_is_told_how_to_get_one(home: Home, tmp_path: Path) -> None:
    ensure_runtime("3.5.8", "3.11", print)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "runtimes").symlink_to(default_source().cache / "runtimes")
    offline = {
        "SELFSERVE_CACHE": str(cache),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "JAVA_HOME": "",
    }
    laptop = Laptop(home, offline, before=hide("/usr/lib/jvm"))

    done = laptop.run("up", "spark-ml")

    assert done.returncode == 6, done.stderr
    assert "needs Java 17" in done.stderr
    assert "apt-get install openjdk-17" in done.stderr
    assert_one_line_and_a_hint(done.stderr)
    assert find_marked(home.root) == []


def hide(folder: str) -> tuple[str, ...]:
    """What to put before a command to which `folder` shall look empty."""
    script = f'mount -t tmpfs none {folder} && exec "$0" "$@"'
    prefix = ("unshare", "--mount", "sh", "-c", script)
    if not Path(folder).is_dir():
        return ()
    if os.geteuid() != 0 or subprocess.run([*prefix, "true"], check=False).returncode != 0:
        pytest.skip("hiding the machine's Java needs root")
    return prefix
