"""How a run ended: who is believed when the runner, EMR and the record disagree or are silent."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fakes import NOON
from selfserve.core.cluster import ClusterState, ClusterSummary, Step, StepState
from selfserve.core.outcome import RunOutcome, RunState
from selfserve.core.outcome_decision import RunFacts, decide_outcome
from selfserve.core.program import JobKind, Program
from selfserve.core.run import HourlyCost, JobException, Placement, RunResult, Submission
from selfserve.core.run_json import from_json, to_json

SUBMISSION = Submission(
    run_id="r-20261121-120000-abcdef",
    program=Program(JobKind.PYTHON, "train.py", "s3://b/driver.py"),
    args=(),
    flags=(),
    run_uri="s3://b/selfserve/runs/r-20261121-120000-abcdef/",
    cluster="mine",
    is_transient=False,
    profile="small",
    owner="ada",
    created=NOON,
    release="emr-7.9.0",
    hourly_cost=HourlyCost(Decimal("1.20"), Decimal("3.60")),
)
PLACEMENT = Placement("j-1", "s-1")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def step(state: StepState, *, begun: bool = True, **facts: Any) -> Step:
    seen = Step(
        id="s-1",
        name=SUBMISSION.run_id,
        state=state,
        args=(),
        reason=None,
        failure=None,
        log_file=None,
        created=at(1),
        started=at(2) if begun else None,
        ended=at(12) if state.is_over else None,
    )
    return replace(seen, **facts)


def cluster(state: ClusterState, code: str | None = None, **facts: Any) -> ClusterSummary:
    seen = ClusterSummary(
        id="j-1",
        raw_name="selfserve/main/small/ada/mine/l-1",
        state=state,
        reason_code=code,
        reason="EMR says so",
        created=at(-10),
        ready=at(0),
        ended=at(13) if state.is_gone else None,
    )
    return replace(seen, **facts)


def result(exit_code: int, **facts: Any) -> RunResult:
    seen = RunResult(exit_code, started=at(3), ended=at(11), job_started=at(4))
    return replace(seen, **facts)


def facts(**known: Any) -> RunFacts:
    return RunFacts(**{"submission": SUBMISSION, "placement": PLACEMENT, **known})


FAILED_BY_ITSELF = result(1, exception=JobException("ValueError", "no ratings\nmore", ""))
KILLED = result(143, signal="SIGTERM")
GONE = cluster(ClusterState.TERMINATED, "USER_REQUEST")
BROKEN = cluster(ClusterState.TERMINATED_WITH_ERRORS, "INSTANCE_FAILURE")
CANCELLED, COMPLETED, FAILED = StepState.CANCELLED, StepState.COMPLETED, StepState.FAILED


@pytest.mark.parametrize(
    ("known", "state", "reason"),
    [
        # In progress
        pytest.param({"placement": None}, RunState.SUBMITTED, "", id="written-down-only"),
        pytest.param({"step": step(StepState.PENDING)}, RunState.PENDING, "", id="pending"),
        pytest.param({"step": step(StepState.RUNNING)}, RunState.RUNNING, "", id="running"),
        pytest.param(
            {"step": step(StepState.RUNNING), "is_cancel_wanted": True},
            RunState.CANCELLING,
            "",
            id="marker-not-yet-seen",
        ),
        pytest.param(
            {"step": step(StepState.CANCEL_PENDING)}, RunState.CANCELLING, "", id="cancel-pending"
        ),
        pytest.param(
            {"placement": None, "is_cancel_wanted": True},
            RunState.CANCELLING,
            "",
            id="cancelled-before-emr-got-it",
        ),
        # Success
        pytest.param(
            {"step": step(COMPLETED), "result": result(0)}, RunState.SUCCEEDED, "", id="success"
        ),
        pytest.param({"step": step(COMPLETED)}, RunState.SUCCEEDED, "", id="success-of-sql"),
        pytest.param(
            {"step": step(StepState.RUNNING), "result": result(0)},
            RunState.SUCCEEDED,
            "",
            id="success-the-step-has-not-ended-yet",
        ),
        pytest.param(
            {"step": step(FAILED), "result": result(0)},
            RunState.SUCCEEDED,
            "the job succeeded; afterwards its step ended as FAILED",
            id="success-though-s3-failed-afterwards",
        ),
        pytest.param(
            {"step": step(CANCELLED), "result": result(0), "is_cancel_wanted": True},
            RunState.SUCCEEDED,
            "",
            id="success-faster-than-its-cancelling",
        ),
        pytest.param({"result": result(0)}, RunState.SUCCEEDED, "", id="success-forgotten-by-emr"),
        # Failure of the job
        pytest.param(
            {"step": step(FAILED), "result": FAILED_BY_ITSELF},
            RunState.FAILED,
            "ValueError: no ratings",
            id="exception",
        ),
        pytest.param(
            {"step": step(COMPLETED), "result": result(3)},
            RunState.FAILED,
            "it exited with code 3",
            id="failure-though-nobody-waited-for-the-application",
        ),
        pytest.param(
            {"result": FAILED_BY_ITSELF},
            RunState.FAILED,
            "ValueError: no ratings",
            id="failure-forgotten-by-emr",
        ),
        pytest.param(
            {"step": step(FAILED), "result": result(137, signal="SIGKILL")},
            RunState.FAILED,
            "it was killed by SIGKILL; most often it ran out of memory",
            id="out-of-memory",
        ),
        pytest.param(
            {"step": step(FAILED, failure="Unknown Error.")},
            RunState.FAILED,
            "Unknown Error.",
            id="runner-killed-the-step-tells",
        ),
        pytest.param(
            {"step": step(FAILED)},
            RunState.FAILED,
            "EMR does not say why",
            id="nobody-says-why",
        ),
        pytest.param(
            {
                "step": step(FAILED, failure="exit 1"),
                "cluster": cluster(ClusterState.TERMINATED_WITH_ERRORS, "STEP_FAILURE"),
            },
            RunState.FAILED,
            "exit 1",
            id="the-step-ended-its-cluster",
        ),
        pytest.param(
            {"step": step(FAILED, failure="exit 1"), "cluster": GONE},
            RunState.FAILED,
            "exit 1",
            id="somebody-ended-the-cluster-afterwards",
        ),
        pytest.param(
            {
                "step": step(FAILED),
                "result": FAILED_BY_ITSELF,
                "is_cancel_wanted": True,
            },
            RunState.FAILED,
            "ValueError: no ratings",
            id="failed-before-it-could-be-cancelled",
        ),
        # Cancelled
        pytest.param(
            {"step": step(CANCELLED), "result": KILLED, "is_cancel_wanted": True},
            RunState.CANCELLED,
            "it was cancelled",
            id="cancelled-and-not-killed-by-sigterm",
        ),
        pytest.param(
            {"step": step(FAILED), "result": result(1, cancelled=True)},
            RunState.CANCELLED,
            "it was cancelled",
            id="the-runner-says-cancelled",
        ),
        pytest.param(
            {"step": step(FAILED), "is_cancel_wanted": True},
            RunState.CANCELLED,
            "it was cancelled",
            id="cancelled-before-the-runner-began",
        ),
        pytest.param(
            {"step": step(CANCELLED), "cluster": GONE, "is_cancel_wanted": True},
            RunState.CANCELLED,
            "it was cancelled",
            id="cancelled-with-its-cluster",
        ),
        pytest.param(
            {"result": KILLED, "is_cancel_wanted": True},
            RunState.CANCELLED,
            "it was cancelled",
            id="cancelled-forgotten-by-emr",
        ),
        pytest.param(
            {"step": step(CANCELLED, reason="by grace"), "result": KILLED},
            RunState.CANCELLED,
            "its step was cancelled: by grace",
            id="cancelled-elsewhere",
        ),
        pytest.param(
            {"step": step(CANCELLED), "cluster": cluster(ClusterState.TERMINATED, ended=at(60))},
            RunState.CANCELLED,
            "its step was cancelled",
            id="cancelled-long-before-the-cluster-ended",
        ),
        pytest.param(
            {
                "step": step(CANCELLED),
                "cluster": cluster(ClusterState.TERMINATED, "ALL_STEPS_COMPLETED"),
            },
            RunState.CANCELLED,
            "its step was cancelled",
            id="the-cluster-ended-as-its-only-step-was-cancelled",
        ),
        # The cluster's fault
        pytest.param(
            {"step": step(CANCELLED), "cluster": GONE},
            RunState.LOST,
            "cluster mine was ended: EMR says so (USER_REQUEST)",
            id="somebody-ended-the-cluster",
        ),
        pytest.param(
            {"step": step(CANCELLED), "result": KILLED, "cluster": GONE},
            RunState.LOST,
            "cluster mine was ended: EMR says so (USER_REQUEST)",
            id="somebody-ended-the-cluster-and-the-runner-saw-sigterm",
        ),
        pytest.param(
            {"step": step(FAILED), "cluster": BROKEN},
            RunState.LOST,
            "cluster mine failed: EMR says so (INSTANCE_FAILURE)",
            id="the-cluster-broke",
        ),
        pytest.param(
            {"step": step(FAILED), "result": FAILED_BY_ITSELF, "cluster": BROKEN},
            RunState.FAILED,
            "ValueError: no ratings",
            id="the-cluster-broke-after-the-job",
        ),
        pytest.param(
            {"step": step(StepState.INTERRUPTED)},
            RunState.LOST,
            "cluster mine was lost",
            id="interrupted",
        ),
        pytest.param(
            {"step": step(CANCELLED, begun=False), "cluster": BROKEN},
            RunState.NEVER_STARTED,
            "cluster mine failed: EMR says so (INSTANCE_FAILURE)",
            id="the-cluster-never-came-up",
        ),
        pytest.param(
            {"placement": None, "never_reached_emr": True},
            RunState.NEVER_STARTED,
            "it was prepared, but never reached EMR",
            id="never-reached-emr",
        ),
        pytest.param(
            {}, RunState.UNKNOWN, "it left no result, and EMR has forgotten its cluster", id="gone"
        ),
    ],
)
def test_decide_outcome(known: dict[str, Any], state: RunState, reason: str) -> None:
    outcome = decide_outcome(facts(**known))

    assert (outcome.state, outcome.reason) == (state, reason)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param({"step": step(FAILED), "result": result(3)}, 3, id="the-jobs-own"),
        pytest.param({"step": step(COMPLETED)}, 0, id="a-step-without-runner"),
        pytest.param({"step": step(FAILED)}, None, id="killed-with-its-runner"),
        pytest.param({"step": step(StepState.RUNNING)}, None, id="not-over"),
    ],
)
def test_the_exit_code_is_the_jobs_own_where_anybody_knows(
    known: dict[str, Any], expected: int | None
) -> None:
    assert decide_outcome(facts(**known)).exit_code == expected


def test_the_timeline_has_every_station() -> None:
    timeline = decide_outcome(facts(step=step(COMPLETED), result=result(0))).timeline

    stations = (timeline.submitted, timeline.accepted, timeline.step_started)
    assert stations == (at(0), at(1), at(2))
    assert (timeline.job_started, timeline.job_ended, timeline.step_ended) == (
        at(4),
        at(11),
        at(12),
    )
    assert timeline.took == timedelta(minutes=7)


@pytest.mark.parametrize(
    ("known", "minutes"),
    [
        pytest.param({"step": step(FAILED)}, 10, id="without-runner-the-steps-time"),
        pytest.param(
            {"step": step(FAILED), "result": result(1, job_started=None)},
            10,
            id="the-users-code-never-began",
        ),
        pytest.param({"result": result(0)}, 7, id="forgotten-by-emr"),
        pytest.param({"step": step(StepState.RUNNING)}, None, id="not-over"),
        pytest.param({"step": step(CANCELLED, begun=False)}, None, id="never-began"),
    ],
)
def test_how_long_it_took(known: dict[str, Any], minutes: int | None) -> None:
    expected = None if minutes is None else timedelta(minutes=minutes)

    assert decide_outcome(facts(**known)).timeline.took == expected


OWN = replace(SUBMISSION, is_transient=True)


@pytest.mark.parametrize(
    ("known", "minutes"),
    [
        pytest.param({"step": step(COMPLETED), "result": result(0)}, 10, id="shared-the-step"),
        pytest.param({"result": result(0)}, 8, id="forgotten-the-runner"),
        pytest.param(
            {"submission": OWN, "step": step(COMPLETED), "cluster": GONE}, 23, id="own-its-life"
        ),
        pytest.param(
            {
                "submission": OWN,
                "step": step(COMPLETED),
                "cluster": cluster(ClusterState.TERMINATING),
            },
            22,
            id="own-still-ending-up-to-the-step",
        ),
        pytest.param(
            {
                "submission": OWN,
                "step": step(CANCELLED, begun=False),
                "cluster": BROKEN,
            },
            23,
            id="own-that-never-came-up-costs-too",
        ),
    ],
)
def test_the_cost_is_that_of_the_time_it_held_the_cluster(
    known: dict[str, Any], minutes: int
) -> None:
    cost = decide_outcome(facts(**known)).cost

    assert cost is not None
    assert (cost.low, cost.high) == (Decimal("0.02") * minutes, Decimal("0.06") * minutes)
    assert cost.is_charged


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(
            {"submission": replace(SUBMISSION, hourly_cost=None), "step": step(COMPLETED)},
            id="no-price-known",
        ),
        pytest.param({"step": step(CANCELLED, begun=False)}, id="never-began"),
        pytest.param({}, id="forgotten"),
    ],
)
def test_a_cost_that_nobody_knows_is_not_guessed(known: dict[str, Any]) -> None:
    assert decide_outcome(facts(**known)).cost is None


def test_versions_are_the_releases_and_those_that_the_runner_found() -> None:
    found = result(0, versions={"spark": "3.5.5", "python": "3.11.9"})

    outcome = decide_outcome(facts(step=step(COMPLETED), result=found))

    assert outcome.versions == {"emr": "emr-7.9.0", "spark": "3.5.5", "python": "3.11.9"}


@pytest.mark.parametrize(
    ("known", "are_final"),
    [
        pytest.param({"step": step(COMPLETED)}, True, id="the-step-is-over"),
        pytest.param({"result": result(0)}, True, id="forgotten-by-emr"),
        pytest.param(
            {"step": step(StepState.RUNNING), "result": result(0)}, False, id="the-step-ends-soon"
        ),
    ],
)
def test_facts_are_final_once_the_step_cannot_change(
    known: dict[str, Any], *, are_final: bool
) -> None:
    assert facts(**known).are_final is are_final


def test_an_outcome_is_read_as_it_was_written() -> None:
    outcome = decide_outcome(
        facts(step=step(FAILED), result=result(1, application_id="app-1"), cluster=BROKEN)
    )

    assert from_json(RunOutcome, to_json(outcome)) == outcome
