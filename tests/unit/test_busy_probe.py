"""busy-probe.py on a pretended node: what it sees, touches and writes."""

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fake_node import BEATS, BOOTSTRAP, CLUSTER, LEASES, Node, fake_node
from selfserve.core.beat import parse_beat
from selfserve.core.idle import Engine
from selfserve.core.lease import Ending, Hold, Lease, from_bytes, is_ending, to_bytes

NOTHING, SOMETHING, UNKNOWN = 0, 10, 11
STATE = "var/lib/selfserve/busy-probe.json"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with fake_node(tmp_path) as node:
        yield node


def app(state: str = "RUNNING", containers: int = 1, kind: str = "SPARK") -> dict[str, Any]:
    return {"state": state, "runningContainers": containers, "applicationType": kind}


def kernel(state: str, at: str = "2026-05-01T11:30:00.250000Z") -> dict[str, Any]:
    return {"id": "k-1", "execution_state": state, "last_activity": at}


def session(state: str, number: int = 0) -> dict[str, Any]:
    return {"id": number, "state": state}


SITUATIONS = [
    pytest.param({"yarn": []}, {"yarn": 0}, NOTHING, id="yarn-alone"),
    pytest.param({"yarn": [app()]}, {"yarn": 0}, NOTHING, id="an-open-shell"),
    pytest.param({"yarn": [app(), app(containers=5)]}, {"yarn": 1}, SOMETHING, id="executors"),
    pytest.param({"yarn": [app("ACCEPTED", 0)]}, {"yarn": 1}, SOMETHING, id="waits-for-room"),
    pytest.param({"yarn": [app(kind="MAPREDUCE")]}, {"yarn": 1}, SOMETHING, id="map-reduce"),
    pytest.param(
        {"queries": [{"state": "FINISHED"}, {"state": "FAILED"}]}, {"queries": 0}, NOTHING,
        id="queries-are-over",
    ),
    pytest.param(
        {"queries": [{"state": "QUEUED"}, {"state": "RUNNING"}, {"state": "FAILED"}]},
        {"queries": 2}, SOMETHING, id="queries-run-and-wait",
    ),
    pytest.param({"queries": 401}, {"queries": None}, UNKNOWN, id="wants-a-password"),
    pytest.param({"queries": [{}]}, {"queries": None}, UNKNOWN, id="an-answer-of-another-shape"),
    pytest.param({"livy": [session("idle")]}, {"livy": 0}, NOTHING, id="livy-is-open"),
    pytest.param(
        {"livy": [session("dead"), session("killed"), session("error")]}, {"livy": 0}, NOTHING,
        id="livy-is-over",
    ),
    pytest.param(
        {"livy": [session("busy"), session("starting"), session("idle", 2)]}, {"livy": 2},
        SOMETHING, id="a-statement-runs",
    ),
    pytest.param({"livy": [], "batches": [session("running")]}, {"livy": 1}, SOMETHING, id="batch"),
    pytest.param(
        {"livy": [], "batches": [session("success")]}, {"livy": 0}, NOTHING, id="batch-is-over"
    ),
    pytest.param({"livy": [], "batches": 500}, {"livy": None}, UNKNOWN, id="livy-tells-half"),
    pytest.param({"kernels": [kernel("idle")]}, {"notebook": 0}, NOTHING, id="a-notebook-is-open"),
    pytest.param({"kernels": [kernel("busy")]}, {"notebook": 1}, SOMETHING, id="a-cell-runs"),
    pytest.param({"kernels": [kernel("starting")]}, {"notebook": 1}, SOMETHING, id="kernel-starts"),
    pytest.param({"kernels": [kernel("dead")]}, {"notebook": 0}, NOTHING, id="kernel-died"),
    pytest.param(
        {"queries": 503, "yarn": [app(containers=2)]}, {"queries": None, "yarn": 1}, SOMETHING,
        id="busy-is-said-before-unknown",
    ),
    pytest.param({}, {}, UNKNOWN, id="no-engine-answers"),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "seen", "exit_code"), SITUATIONS)
def test_what_it_sees(
    node: Node, answers: dict[str, Any], seen: dict[str, int | None], exit_code: int
) -> None:
    node.serve(**answers)

    looked, asked = node.probe("look"), node.probe("at-work")

    assert looked.returncode == 0, looked.stderr
    assert node.beat["at_work"] == seen
    assert asked.returncode == exit_code
    # YARN's work EMR sees itself.
    busy = any(number for engine, number in seen.items() if engine != "yarn")
    assert node.busy_file.exists() is busy


@pytest.mark.parametrize("header", ["X-Trino-User", "X-Presto-User"])
def test_a_coordinator_is_asked_in_its_own_words(node: Node, header: str) -> None:
    node.serve(queries=[{"state": "RUNNING"}])
    node.engines.users["/v1/query"] = header

    node.probe("look")

    assert node.beat["at_work"] == {"queries": 1}


def test_what_it_writes_is_what_the_sweep_reads(node: Node) -> None:
    node.serve(yarn=[app(containers=2)], livy=[session("idle", 7)], kernels=[kernel("idle")])

    node.probe("look")

    now = datetime.now(UTC)
    beat = parse_beat((node.folder / "beat").read_bytes(), now, now)
    assert beat is not None
    assert beat.at_work == {Engine.YARN: 1, Engine.LIVY: 0, Engine.NOTEBOOK: 0}
    assert {one.engine for one in beat.sessions} == {Engine.LIVY, Engine.NOTEBOOK}
    assert beat.last_at_work is not None
    assert now - beat.last_at_work < timedelta(minutes=1)
    assert node.calls == [f"aws s3 cp --only-show-errors - {BEATS}{CLUSTER}.json"]


@pytest.mark.parametrize("stamp", ["2026-05-01T11:30:00.250000Z", "2026-05-01T11:30:00Z"])
def test_a_kernel_is_idle_since_its_last_activity(node: Node, stamp: str) -> None:
    node.serve(kernels=[kernel("idle", stamp)])

    node.probe("look")

    assert node.beat["sessions"] == [{"engine": "notebook", "idle_since": "2026-05-01T11:30:00Z"}]


def test_a_livy_session_is_idle_since_it_was_first_seen_so(node: Node) -> None:
    node.serve(livy=[session("idle", 7)])
    node.probe("look")
    earlier = age(node, idle_since={"livy:7": 1_000_000_000})

    node.probe("look")
    node.serve(livy=[session("busy", 7)])
    node.probe("look")
    busy = node.beat["sessions"]
    node.serve(livy=[session("idle", 7)])
    node.probe("look")

    assert earlier == "2001-09-09T01:46:40Z"
    assert busy == []
    assert node.beat["sessions"][0]["idle_since"] > "2026"


def age(node: Node, **changes: Any) -> str:
    """Let the probe's memory say this; return the one time in it as a beat has it."""
    path = node.root / STATE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"written": 0} | changes))
    node.probe("look")
    return str(node.beat["sessions"][0]["idle_since"])


def test_a_beat_goes_out_when_work_begins_or_ends_and_else_every_five_minutes(node: Node) -> None:
    beats = []
    for queries, since_last_s in ((0, 0), (0, 60), (1, 60), (2, 60), (2, 296), (0, 60), (0, 299)):
        path = node.root / STATE
        if path.exists():
            state = json.loads(path.read_text())
            path.write_text(json.dumps(state | {"written": state["written"] - since_last_s}))
        node.serve(queries=[{"state": "RUNNING"}] * queries)
        before = len(node.calls)
        node.probe("look")
        beats.append(len(node.calls) - before)

    assert beats == [1, 0, 1, 0, 1, 1, 1]


def test_a_beat_that_could_not_be_written_is_tried_again_the_next_minute(node: Node) -> None:
    node.serve(queries=[{"state": "RUNNING"}])
    node.aws("put-beat", refuses="upload failed: Access Denied")

    failed = node.probe("look")
    node.aws("put-beat")
    again = node.probe("look")

    assert failed.returncode == 1
    assert "the beat could not be written" in failed.stdout
    assert again.returncode == 0
    assert len(node.calls) == 2
    assert node.busy_file.exists()


def test_when_something_last_worked_is_remembered(node: Node) -> None:
    node.serve(queries=[{"state": "RUNNING"}])
    node.probe("look")
    at = node.beat["last_at_work"]
    node.serve(queries=[])

    node.probe("look")

    assert node.beat["at_work"] == {"queries": 0}
    assert node.beat["last_at_work"] == at


def test_what_others_say_by_touching_isbusy_is_told(node: Node) -> None:
    node.serve(yarn=[])
    node.busy_file.parent.mkdir(parents=True)
    node.busy_file.touch()
    os.utime(node.busy_file, (1_700_000_000, 1_700_000_000))

    node.probe("look")

    assert node.beat["at_work"] == {"yarn": 0}
    assert node.beat["last_at_work"] == "2023-11-14T22:13:20Z"


def test_an_engine_that_has_answered_before_is_missed(node: Node) -> None:
    node.serve(queries=[])
    node.probe("look")
    node.stop("query")

    node.probe("look")

    assert node.beat["at_work"] == {"queries": None}
    assert node.probe("at-work").returncode == UNKNOWN


def test_sessions_of_an_engine_that_does_not_answer_are_not_forgotten(node: Node) -> None:
    node.serve(livy=[session("idle", 7)])
    node.probe("look")
    before = node.beat["sessions"]
    node.stop("livy")

    node.probe("look")

    assert node.beat["at_work"] == {"livy": None}
    assert node.beat["sessions"] == before


@pytest.mark.parametrize(
    ("unit", "engine"),
    [
        ("trino-server.service", "queries"),
        ("presto-server.service", "queries"),
        ("livy-server.service", "livy"),
        ("hadoop-yarn-resourcemanager.service", "yarn"),
        ("jupyter_enterprise_gateway.service", "notebook"),
        ("zeppelin.service", "notebook"),
    ],
)
def test_an_engine_that_is_installed_and_has_never_answered_is_missed(
    node: Node, unit: str, engine: str
) -> None:
    node.write(f"etc/systemd/system/{unit}", "")

    node.probe("look")

    assert node.beat["at_work"] == {engine: None}


def test_memory_that_is_damaged_is_begun_anew(node: Node) -> None:
    node.write(STATE, '{"answered": [')
    node.serve(queries=[])

    looked = node.probe("look")

    assert looked.returncode == 0
    assert node.beat["at_work"] == {"queries": 0}


Made = Callable[[datetime], Lease]
"""A lease as it is at a moment: these tests may run long after they were collected."""

LEASE = [
    pytest.param(None, NOTHING, id="never-used"),
    pytest.param(lambda _: Lease(3), NOTHING, id="nobody-holds-it"),
    pytest.param(lambda now: Lease(3, (Hold("r-1", "ada", now),)), SOMETHING, id="held"),
    pytest.param(
        lambda now: Lease(3, (Hold("r-1", "ada", now - timedelta(hours=1)),)),
        NOTHING,
        id="held-long-ago",
    ),
    pytest.param(lambda now: Lease(3, (), Ending("sw-1", now)), SOMETHING, id="a-sweep-ends-it"),
    pytest.param(lambda now: Lease(3, (), Ending("max-age", now)), NOTHING, id="we-end-it"),
    pytest.param(b"{}", UNKNOWN, id="damaged"),
    pytest.param("An error occurred (AccessDenied)", UNKNOWN, id="may-not-be-read"),
]


def keep_lease(node: Node, lease: Made | bytes | str | None) -> None:
    match lease:
        case bytes():
            node.lease.write_bytes(lease)
        case str():
            node.aws("get-lease", refuses=lease)
        case None:
            pass
        case _:
            node.lease.write_bytes(to_bytes(lease(datetime.now(UTC)), by="r-1"))


@pytest.mark.parametrize(("lease", "exit_code"), LEASE)
def test_a_run_that_is_being_submitted_is_work(
    node: Node, lease: Made | bytes | str | None, exit_code: int
) -> None:
    node.serve(yarn=[])
    keep_lease(node, lease)

    asked = node.probe("at-work", "--leases", LEASES)

    assert asked.returncode == exit_code, asked.stdout
    [call] = node.calls
    key = f"selfserve/leases/{CLUSTER}.json"
    assert call.startswith(f"aws s3api get-object --bucket lake --key {key} /")


@pytest.mark.parametrize(("lease", "exit_code"), LEASE)
def test_a_lease_is_claimed_unless_somebody_has_it(
    node: Node, lease: Made | bytes | str | None, exit_code: int
) -> None:
    keep_lease(node, lease)

    asked = node.probe("claim", "--leases", LEASES)

    assert asked.returncode == exit_code, asked.stdout
    puts = [call for call in node.calls if "put-object" in call]
    assert len(puts) == (exit_code == NOTHING)
    if puts:
        assert puts[0].endswith('--if-match "etag-1"' if lease else "--if-none-match *")
        left = from_bytes(node.lease.read_bytes())
        assert left.fence == (4 if callable(lease) else 1)
        assert is_ending(left, datetime.now(UTC))


@pytest.mark.parametrize(
    ("refusal", "exit_code"),
    [
        pytest.param("An error occurred (PreconditionFailed)", UNKNOWN, id="lost-the-race"),
        pytest.param("Unknown options: --if-none-match, *", NOTHING, id="an-old-aws-cli"),
    ],
)
def test_a_lease_that_cannot_be_written(node: Node, refusal: str, exit_code: int) -> None:
    node.aws("put-lease", refuses=refusal)

    assert node.probe("claim", "--leases", LEASES).returncode == exit_code


def test_what_is_installed_does_what_was_asked_for(node: Node) -> None:
    node.serve(queries=[{"state": "RUNNING"}])

    done = node.run([BOOTSTRAP / "busy-probe.py", BEATS, "--leases", LEASES, *node.options()])

    assert done.returncode == 0, done.stderr
    units = node.root / "etc/systemd/system"
    assert "OnCalendar=minutely" in (units / "selfserve-busy-probe.timer").read_text()
    assert node.calls == [
        "systemctl daemon-reload",
        "systemctl enable --now selfserve-busy-probe.timer",
    ]
    unit = (units / "selfserve-busy-probe.service").read_text()
    [start] = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert node.run(shlex.split(start)).returncode == 0
    assert node.beat["at_work"] == {"queries": 1}


def test_other_nodes_are_left_alone(node: Node) -> None:
    node.write("mnt/var/lib/info/instance.json", '{"isMaster": false}')

    done = node.run([BOOTSTRAP / "busy-probe.py", BEATS, *node.options()])

    assert done.returncode == 0
    assert node.calls == []
    assert not (node.root / "usr").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["s3://lake/beats"], [BEATS, "--yarn-port", "x"]]
)
def test_arguments_that_make_no_sense_are_refused(node: Node, arguments: list[str]) -> None:
    done = node.run([BOOTSTRAP / "busy-probe.py", *arguments])

    assert done.returncode == 2
    assert done.stderr.startswith("usage: busy-probe.py BEATS_URI")
