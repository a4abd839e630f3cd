"""max-age.sh on a pretended primary node: when it ends the cluster, and when it does not."""

import json
import os
import re
import shlex
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fake_node import BOOTSTRAP, CLUSTER, LEASES, Node, fake_node
from selfserve.core.lease import from_bytes, is_ending

PAST, FUTURE = "1000000000", "99999999999"
LIST = (
    f"aws emr list-steps --region eu-west-1 --cluster-id {CLUSTER}"
    " --step-states PENDING RUNNING CANCEL_PENDING --query Steps[].Id --output text"
)
END = f"aws emr terminate-clusters --region eu-west-1 --cluster-ids {CLUSTER}"
ASK = (
    f"aws emr describe-cluster --region eu-west-1 --cluster-id {CLUSTER}"
    " --query Cluster.TerminationProtected --output text"
)
POWER_OFF = "shutdown --poweroff now"
DENIED = "An error occurred (AccessDeniedException) when calling it: not authorized"
PROTECTED = (
    "An error occurred (ValidationException) when calling the TerminateJobFlows operation:"
    " Could not shut down one or more job flows since they are termination protected."
)
THROTTLED = "An error occurred (ThrottlingException) when calling it: Rate exceeded"

Arrange = Callable[[Node], Any]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with fake_node(tmp_path) as node:
        node.serve(yarn=[])
        node.install_probe()
        node.aws("describe-cluster", says="False")
        yield node


def serving(**answers: Any) -> Arrange:
    return lambda node: node.serve(**answers)


def steps(text: str) -> Arrange:
    return lambda node: node.aws("list-steps", says=text)


def touched(minutes_ago: float) -> Arrange:
    def touch(node: Node) -> None:
        node.busy_file.parent.mkdir(parents=True)
        node.busy_file.touch()
        at = time.time() - 60 * minutes_ago
        os.utime(node.busy_file, (at, at))

    return touch


def refusing(*answers: str, text: str = DENIED, **says: str) -> Arrange:
    def arrange(node: Node) -> None:
        for answer in answers:
            node.aws(answer, refuses=text)
        for answer, said in says.items():
            node.aws(answer.replace("_", "-"), says=said)

    return arrange


def with_process(node: Node) -> None:
    node.aws("list-steps", refuses=DENIED)
    (node.folder / "step-processes").touch()


def without_probe(node: Node) -> None:
    (node.root / "usr/local/lib/selfserve/busy-probe").unlink()


WORKER = {"state": "RUNNING", "runningContainers": 4}
OPEN = {"state": "RUNNING", "runningContainers": 1}
SESSION = {"id": 1, "state": "idle"}
CELL = {"id": "k", "execution_state": "busy", "last_activity": "2026-05-01T11:30:00Z"}
KERNEL = CELL | {"execution_state": "idle"}

KEPT: list[Any] = [
    pytest.param(steps("s-1"), [LIST], "running or pending: s-1", id="a-step"),
    pytest.param(with_process, [LIST], "a step is running", id="a-process-of-a-step"),
    pytest.param(
        refusing("list-steps", text=THROTTLED), [LIST], "Rate exceeded", id="steps-are-not-known"
    ),
    pytest.param(serving(yarn=[WORKER]), [], "1 x YARN application", id="an-application"),
    pytest.param(serving(queries=[{"state": "QUEUED"}]), [], "1 x query", id="a-query"),
    pytest.param(serving(kernels=[CELL]), [], "1 x notebook kernel", id="a-cell"),
    pytest.param(serving(livy=[{"id": 1, "state": "busy"}]), [], "1 x Livy", id="a-statement"),
    pytest.param(
        serving(queries=503), [], "not known to be idle: no answer about queries: <HTTPError 503",
        id="the-coordinator-does-not-answer",
    ),
    pytest.param(touched(4), [], "isbusy was touched", id="somebody-says-so"),
    pytest.param(without_probe, [], "busy-probe.py is not installed", id="nothing-can-be-seen"),
    pytest.param(refusing(describe_cluster="True"), [LIST, ASK], "protected", id="protected"),
    pytest.param(
        refusing("terminate-clusters", text=PROTECTED), [LIST, ASK, LIST, END], "protected",
        id="protected-a-moment-ago",
    ),
    pytest.param(
        refusing("terminate-clusters", "describe-cluster"), [LIST, ASK, LIST, END],
        "needs elasticmapreduce:TerminateJobFlows", id="protection-is-not-known",
    ),
    pytest.param(
        refusing("terminate-clusters", text=THROTTLED), [LIST, ASK, LIST, END], "try again",
        id="throttled",
    ),
]  # fmt: skip

ENDS = [LIST, ASK, LIST, END]
ENDED: list[Any] = [
    pytest.param(lambda _: None, ENDS, "asked EMR to end", id="nothing-works"),
    pytest.param(steps("None"), ENDS, "asked EMR to end", id="no-steps-as-text"),
    pytest.param(touched(6), ENDS, "asked EMR", id="somebody-said-so-long-ago"),
    pytest.param(
        serving(yarn=[OPEN, OPEN], livy=[SESSION], kernels=[KERNEL]), ENDS, "asked EMR",
        id="sessions-are-merely-open",
    ),
    pytest.param(
        serving(queries=[{"state": "FINISHED"}]), ENDS, "asked EMR", id="queries-are-over"
    ),
    pytest.param(refusing("list-steps"), ENDS, "asked EMR", id="no-process-of-a-step"),
    pytest.param(
        refusing("terminate-clusters"), [*ENDS, POWER_OFF],
        "shutting the primary node down", id="may-not-end-itself",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("arrange", "calls", "said"), KEPT)
def test_past_its_age_it_is_kept(node: Node, arrange: Arrange, calls: list[str], said: str) -> None:
    arrange(node)

    done = node.max_age("look", PAST)

    assert done.returncode == 0, done.stderr
    assert node.calls == calls
    assert "over age, but" in done.stdout
    assert said in done.stdout


@pytest.mark.parametrize(("arrange", "calls", "said"), ENDED)
def test_past_its_age_it_ends(node: Node, arrange: Arrange, calls: list[str], said: str) -> None:
    arrange(node)

    done = node.max_age("look", PAST)

    assert done.returncode == 0, done.stderr
    assert node.calls == calls
    assert said in done.stdout


def test_before_its_age_nothing_is_asked(node: Node) -> None:
    done = node.max_age("look", FUTURE)

    assert (done.returncode, done.stdout, node.calls) == (0, "", [])


def test_work_is_waited_for_and_then_it_ends(node: Node) -> None:
    node.serve(queries=[{"state": "RUNNING"}])
    node.max_age("look", PAST)
    node.serve(queries=[])

    node.max_age("look", PAST)

    assert node.calls == ENDS


def test_nobody_can_submit_to_it_from_before_the_last_look_at_its_steps(node: Node) -> None:
    node.install_probe("--leases", LEASES)

    node.max_age("look", PAST)

    done = [call.split()[2] for call in node.calls]
    assert done == [
        "get-object", "list-steps", "describe-cluster", "get-object", "put-object", "list-steps",
        "terminate-clusters",
    ]  # fmt: skip
    assert is_ending(from_bytes(node.lease.read_bytes()), datetime.now(UTC))


def test_whoever_takes_the_lease_first_has_it(node: Node) -> None:
    node.install_probe("--leases", LEASES)
    node.aws("put-lease", refuses="An error occurred (PreconditionFailed)")

    done = node.max_age("look", PAST)

    assert "its lease was not to be had" in done.stdout
    assert END not in node.calls


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(refusing(describe_cluster="True"), id="protected"),
        pytest.param(refusing("describe-cluster", "terminate-clusters"), id="may-not-end-itself"),
        pytest.param(steps("s-1"), id="a-step-is-open"),
    ],
)
def test_a_cluster_that_goes_on_can_be_submitted_to(node: Node, arrange: Arrange) -> None:
    node.install_probe("--leases", LEASES)
    arrange(node)

    node.max_age("look", PAST)

    assert not node.lease.exists()


def test_without_the_nodes_metadata_nothing_ends(node: Node) -> None:
    node.engines.answers["/api/token"] = 403

    done = node.max_age("look", PAST)

    assert "the node's region is not known" in done.stdout
    assert node.calls == []


def created(node: Node, seconds_ago: float) -> None:
    job_flow = {
        "jobFlowId": CLUSTER,
        "jobFlowCreationInstant": int((time.time() - seconds_ago) * 1000),
    }
    node.write("mnt/var/lib/info/job-flow.json", json.dumps(job_flow))


def deadline_of(node: Node) -> tuple[list[str], int]:
    unit = (node.root / "etc/systemd/system/selfserve-max-age.service").read_text()
    [start] = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    command = shlex.split(start)
    return command, int(command[2])


@pytest.mark.parametrize(
    ("seconds_ago", "counted"),
    [
        pytest.param(400, 400, id="from-the-clusters-creation"),
        pytest.param(90_000, 0, id="a-time-stamp-that-makes-no-sense"),
        pytest.param(-500, 0, id="a-time-stamp-from-the-future"),
    ],
)
def test_the_age_counts(node: Node, seconds_ago: int, counted: int) -> None:
    created(node, seconds_ago)

    done = node.max_age("3600")

    assert done.returncode == 0, done.stderr
    _, deadline = deadline_of(node)
    assert abs(deadline - (time.time() + 3600 - counted)) < 30


def test_a_deadline_survives_a_reboot(node: Node) -> None:
    created(node, 500)
    node.max_age("400")
    installed = node.calls

    command, _ = deadline_of(node)
    done = node.run(command)  # what systemd starts, after a reboot too

    assert installed == [
        "systemctl daemon-reload",
        "systemctl enable --now selfserve-max-age.timer",
    ]
    assert (
        "WantedBy=timers.target"
        in (node.root / "etc/systemd/system/selfserve-max-age.timer").read_text()
    )
    assert done.returncode == 0, done.stderr
    assert node.calls[2:] == ENDS


def test_other_nodes_are_left_alone(node: Node) -> None:
    node.write("mnt/var/lib/info/instance.json", '{"isMaster": false}')

    done = node.max_age("3600")

    assert (done.returncode, node.calls) == (0, [])
    assert not list((node.root / "etc/systemd/system").iterdir())


@pytest.mark.parametrize("arguments", [[], ["0"], ["12h"], ["60", "60"], ["look"]])
def test_arguments_that_make_no_sense_are_refused(node: Node, arguments: list[str]) -> None:
    done = node.run(["bash", BOOTSTRAP / "max-age.sh", *arguments])

    assert done.returncode == 2
    assert done.stderr == "usage: max-age.sh SECONDS\n"
