"""What EMR says in sentences, and its limits per request: what moto cannot show."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from loopback import Answer, Loopback, Request, emr_error, emr_reply, loopback
from selfserve.aws.session import make_clients
from selfserve.backends.emr.backend import EmrBackend
from selfserve.core.cluster import NodeCount
from selfserve.core.launch import NodeRole
from selfserve.errors import (
    AwsError,
    BadInputError,
    NoAnswerError,
    NotFoundError,
    RefusedByPolicyError,
)
from specs import SPEC, step

NO_JOB_FLOW = emr_error("ValidationException", "Specified job flow ID not valid.")
NO_CLUSTER = emr_error("InvalidRequestException", "Cluster id 'j-1' is not valid.")
NO_STEP = emr_error("InvalidRequestException", "Step id 's-1' is not valid.")
PROTECTED = emr_error(
    "ValidationException",
    "Could not shut down one or more job flows since they are termination protected.",
)
OVER = emr_error(
    "ValidationException",
    "A job flow that is shutting down, terminated, or finished may not be modified.",
)
Start = Callable[..., tuple[EmrBackend, Loopback]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Makes a backend whose endpoint gives these answers, and that endpoint."""
    with ExitStack() as servers:

        def start(*answers: Answer) -> tuple[EmrBackend, Loopback]:
            server = servers.enter_context(loopback(*answers))
            clients = make_clients(
                "us-east-1", endpoint_url=server.url, access_key="key", secret_key="secret"
            )
            return EmrBackend(clients), server

        yield start


def asked(request: Request) -> Any:  # Any: EMR's JSON
    return json.loads(request.body)


@pytest.mark.parametrize(
    ("use", "answer"),
    [
        pytest.param(lambda emr: emr.describe("j-1"), NO_CLUSTER, id="describe"),
        pytest.param(lambda emr: emr.nodes("j-1"), NO_CLUSTER, id="nodes"),
        pytest.param(lambda emr: emr.list_steps("j-1"), NO_CLUSTER, id="list_steps"),
        pytest.param(lambda emr: emr.describe_step("j-1", "s-1"), NO_STEP, id="describe_step"),
        pytest.param(lambda emr: emr.describe_step("j-1", "s-1"), emr_reply(), id="empty-step"),
        pytest.param(lambda emr: emr.cancel_steps("j-1", ["s-1"]), NO_CLUSTER, id="cancel_steps"),
        pytest.param(lambda emr: emr.add_steps("j-1", [step()]), NO_JOB_FLOW, id="add_steps"),
        pytest.param(lambda emr: emr.terminate(["j-1"]), NO_JOB_FLOW, id="terminate"),
    ],
)
def test_what_emr_does_not_know_is_not_found(
    start: Start, use: Callable[[EmrBackend], object], answer: Answer
) -> None:
    emr, _ = start(answer)

    with pytest.raises(NotFoundError):
        use(emr)


def test_any_other_bad_request_is_not_a_missing_cluster(start: Start) -> None:
    emr, _ = start(OVER)

    with pytest.raises(AwsError, match="may not be modified"):
        emr.add_steps("j-1", [step()])


def test_a_protected_cluster_is_refused_by_policy(start: Start) -> None:
    emr, _ = start(PROTECTED)

    with pytest.raises(RefusedByPolicyError) as raised:
        emr.terminate(["j-1"])

    assert "--no-termination-protected" in raised.value.hint


def test_one_protected_cluster_does_not_keep_the_others_alive(start: Start) -> None:
    ended = Answer(body=b"")
    emr, server = start(PROTECTED, ended, PROTECTED, ended)

    with pytest.raises(RefusedByPolicyError):
        emr.terminate(["j-1", "j-2", "j-3"])

    named = [asked(request)["JobFlowIds"] for request in server.requests]
    assert named == [["j-1", "j-2", "j-3"], ["j-1"], ["j-2"], ["j-3"]]


def test_no_more_than_ten_clusters_are_named_in_one_termination(start: Start) -> None:
    emr, server = start(Answer(body=b""))

    emr.terminate([f"j-{number}" for number in range(23)])

    assert [len(asked(request)["JobFlowIds"]) for request in server.requests] == [10, 10, 3]


def test_no_more_than_a_hundred_steps_are_named_in_one_cancellation(start: Start) -> None:
    emr, server = start(emr_reply(CancelStepsInfoList=[]))

    emr.cancel_steps("j-1", [f"s-{number}" for number in range(130)])

    assert [len(asked(request)["StepIds"]) for request in server.requests] == [100, 30]


def test_cancelling_a_step_that_is_over_is_fine(start: Start) -> None:
    refused = {"StepId": "s-1", "Status": "FAILED", "Reason": "It is over."}
    emr, server = start(emr_reply(CancelStepsInfoList=[refused]))

    emr.cancel_steps("j-1", ["s-1"])

    assert len(server.requests) == 1


def test_the_nodes_of_a_cluster_with_fleets_are_units(start: Start) -> None:
    fleet = {"InstanceFleetType": "CORE", "TargetOnDemandCapacity": 16}
    emr, _ = start(emr_reply(InstanceFleets=[fleet]))

    assert emr.nodes("j-1") == [NodeCount(NodeRole.CORE, running=0, requested=16)]


def test_the_nodes_of_a_cluster_with_groups_are_instances(start: Start) -> None:
    has_groups = emr_error(
        "InvalidRequestException",
        "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified "
        "in the request uses instance groups.",
    )
    group = {"InstanceGroupType": "CORE", "RunningInstanceCount": 2, "RequestedInstanceCount": 3}
    emr, server = start(has_groups, emr_reply(InstanceGroups=[group]))

    assert emr.nodes("j-1") == [NodeCount(NodeRole.CORE, running=2, requested=3)]
    assert server.requests[-1].operation == "ListInstanceGroups"


def test_listings_follow_the_marker_to_the_last_page(start: Start) -> None:
    def page(*ids: str, **marker: str) -> Answer:
        steps = [{"Id": one, "Name": "job", "Status": {"State": "PENDING"}} for one in ids]
        return emr_reply(Steps=steps, **marker)

    emr, server = start(page("s-3", "s-2", Marker="m"), page("s-1"))

    assert [seen.id for seen in emr.list_steps("j-1")] == ["s-3", "s-2", "s-1"]
    assert asked(server.requests[1])["Marker"] == "m"


def test_a_request_that_emr_would_refuse_is_never_sent(start: Start) -> None:
    emr, server = start(emr_reply())

    with pytest.raises(BadInputError):
        emr.add_steps("j-1", [step("x" * 300), step("y" * 300)])

    assert server.requests == []


def test_every_problem_of_a_request_is_told_at_once(start: Start) -> None:
    emr, _ = start(emr_reply())

    with pytest.raises(BadInputError) as raised:
        emr.add_steps("j-1", [step("x" * 300), step("y" * 300)])

    assert "Steps[0].Name" in str(raised.value)
    assert "Steps[1].Name" in str(raised.value)


def test_the_id_of_a_launched_cluster_is_emrs(start: Start) -> None:
    emr, server = start(emr_reply(JobFlowId="j-42"))

    assert emr.launch(SPEC) == "j-42"
    assert asked(server.requests[0])["Name"] == str(SPEC.name)


THROTTLED = emr_error("ThrottlingException", "Rate exceeded")
ATTEMPTS = 3  # at an endpoint; AWS gets more


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore waits between attempts, and sends less after it was throttled; here it does not."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda *_, **__: True)


@pytest.mark.usefixtures("no_waiting")
def test_a_termination_that_is_throttled_to_the_last_does_not_keep_the_others_alive(
    start: Start,
) -> None:
    ended = Answer(body=b"")
    emr, server = start(ended, *[THROTTLED] * ATTEMPTS, ended)

    with pytest.raises(AwsError, match="Rate exceeded"):
        emr.terminate([f"j-{number}" for number in range(30)])

    named = [asked(request)["JobFlowIds"][0] for request in server.requests]
    assert named == ["j-0", *["j-10"] * ATTEMPTS, "j-20"]


@pytest.mark.usefixtures("no_waiting")
def test_a_throttled_termination_is_asked_for_again(start: Start) -> None:
    emr, server = start(THROTTLED, Answer(lost=True), Answer(body=b""))

    emr.terminate(["j-1"])

    assert len(server.requests) == ATTEMPTS


@pytest.mark.usefixtures("no_waiting")
def test_what_went_wrong_first_is_told_after_all_were_asked(start: Start) -> None:
    ended = Answer(body=b"")
    emr, server = start(PROTECTED, PROTECTED, *[THROTTLED] * ATTEMPTS, ended)

    with pytest.raises(RefusedByPolicyError):
        emr.terminate(["j-1", "j-2", "j-3"])

    named = [asked(request)["JobFlowIds"] for request in server.requests]
    assert named == [["j-1", "j-2", "j-3"], ["j-1"], *[["j-2"]] * ATTEMPTS, ["j-3"]]


@pytest.mark.usefixtures("no_waiting")
def test_when_nobody_answers_the_rest_is_not_asked_for(start: Start) -> None:
    emr, server = start(Answer(lost=True))

    with pytest.raises(NoAnswerError):
        emr.terminate([f"j-{number}" for number in range(30)])

    assert len(server.requests) == ATTEMPTS


@pytest.mark.usefixtures("no_waiting")
def test_a_listing_that_is_throttled_on_a_later_page_goes_on_there(start: Start) -> None:
    def page(cluster_id: str, **marker: str) -> Answer:
        status = {"State": "WAITING", "Timeline": {"CreationDateTime": 1_795_000_000}}
        return emr_reply(Clusters=[{"Id": cluster_id, "Name": "x", "Status": status}], **marker)

    emr, server = start(page("j-1", Marker="m"), THROTTLED, THROTTLED, page("j-2"))

    assert {seen.id for seen in emr.list_clusters()} == {"j-1", "j-2"}
    markers = [asked(request).get("Marker") for request in server.requests]
    assert markers == [None, "m", "m", "m"]
