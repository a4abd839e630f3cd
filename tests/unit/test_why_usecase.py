"""Collecting what is known of a run or a cluster, and saying what became of it."""

import gzip
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes import MemoryStore
from run_house import House
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.evidence import LogSource
from selfserve.errors import NotFoundError
from selfserve.usecases.records.evidence import collect_of_run
from selfserve.usecases.records.runs import Run
from selfserve.usecases.why import Diagnosis, diagnose_finished, why

MISSING = {
    "type": "ModuleNotFoundError",
    "message": "No module named 'lightgbm'",
    "traceback": 'Traceback (most recent call last):\n  File "/tmp/selfserve-b8rk7zo1/train.py", '
    "line 4, in <module>\n    import lightgbm\nModuleNotFoundError: No module named 'lightgbm'\n",
}
APPLICATION = "application_1700000000000_0001"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def fail(house: House, run: Run, **facts: Any) -> None:
    """Let the job end with a failure, as its runner records it."""
    house.record(run, **{"exit_code": 1, **facts})
    house.pass_step(run, StepState.RUNNING, StepState.FAILED)


def container_log(
    house: House,
    run: Run,
    number: int,
    text: str,
    *,
    stream: str = "stderr",
    application: str = APPLICATION,
) -> str:
    container = f"container_{'_'.join(re.findall('[0-9]+', application))}_01_{number:06d}"
    name = f"containers/{application}/{container}/{stream}.gz"
    folder = f"selfserve/emr-logs/{run.placement.cluster_id}"
    house.store.put(f"{folder}/{name}", gzip.compress(text.encode()))
    return name


def end_cluster(house: House, cluster_id: str, state: ClusterState, code: str, why: str) -> None:
    house.backend.move(cluster_id, state, reason=why)
    cluster = house.backend._find(cluster_id)
    cluster.seen = replace(cluster.seen, reason_code=code)


def ask(house: House, run: Run) -> Diagnosis:
    return why(house.target, run.id)


def test_a_run_that_failed_is_explained_with_commands_that_name_it(house: House) -> None:
    run = house.submit()
    fail(house, run, exception=MISSING)

    diagnosis = ask(house, run)

    assert diagnosis.summary == f"Run {run.id} (train.py) failed."
    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "module-missing"
    assert "line 4 of train.py" in diagnosis.verdict.cause
    assert diagnosis.verdict.quotes[0].lines[0] == 'File "train.py", line 4, in <module>'


def test_the_beginning_of_a_runs_id_is_enough(house: House) -> None:
    run = house.submit()
    fail(house, run)

    assert why(house.target, run.id[:-3]).run_id == run.id


def test_a_command_names_the_cluster_that_the_user_named(house: House) -> None:
    run = house.submit()
    fail(house, run, exit_code=137, signal="SIGKILL")

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert str(diagnosis.verdict.command).startswith(f"selfserve submit {house.job} -c mine ")


def test_a_run_on_a_cluster_of_its_own_is_repeated_on_its_profile(tmp_path: Path) -> None:
    house = House(tmp_path, on=None)
    run = house.submit()
    fail(house, run, exit_code=137, signal="SIGKILL")

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert str(diagnosis.verdict.command).startswith(f"selfserve submit {house.job} -c small ")


def test_without_a_result_the_steps_log_tells(house: House) -> None:
    run = house.submit()
    house.pass_step(run, StepState.RUNNING, StepState.FAILED)
    house.step_log(run, "stderr", b"Error: Unrecognized option: --frobnicate\n")

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "spark-submit-option-unknown"
    (quote,) = diagnosis.verdict.quotes
    assert quote.name == f"steps/{run.placement.step_id}/stderr.gz"


def test_executors_logs_are_found_by_the_application_of_the_result(house: House) -> None:
    run = house.submit()
    house.step_log(run, "stderr", b"INFO nothing\n")
    name = container_log(house, run, 3, "java.io.IOException: No space left on device\n")
    fail(house, run, exit_code=1, application_id=APPLICATION)

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "disk-full"
    assert diagnosis.verdict.quotes[-1].name == name
    assert diagnosis.notes == ()


def test_executors_logs_are_found_by_the_application_in_the_steps_log(house: House) -> None:
    run = house.submit()
    house.step_log(run, "stderr", f"INFO Client: Submitted {APPLICATION}\n".encode())
    container_log(house, run, 1, "java.lang.OutOfMemoryError: Java heap space\n")
    house.pass_step(run, StepState.RUNNING, StepState.FAILED)

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "driver-out-of-memory"
    assert diagnosis.verdict.quotes[-1].source == LogSource.STEP_STDERR.value


def container_logs_read(house: House, run: Run, *, of: str = APPLICATION) -> list[str]:
    """The containers whose logs are evidence, as `000002/stderr.gz`, in order."""
    house.step_log(run, "controller", f"INFO Submitted {of}\n".encode())
    collected = collect_of_run(house.target, run, step=None, cluster=None, result=None)
    names = [log.name for log in collected.evidence.logs if log.name.startswith("containers/")]
    return [name.rpartition("_")[2] for name in names]


def test_of_many_containers_the_driver_and_then_the_newest_are_read(house: House) -> None:
    run = house.submit()
    for number in range(1, 61):
        container_log(house, run, number, f"log of {number}\n")
        container_log(house, run, number, "", stream="stdout")

    read = container_logs_read(house, run)

    assert read == [f"{number:06d}/stderr.gz" for number in (1, *range(60, 41, -1))]


@pytest.mark.parametrize(
    ("application", "line", "number"),
    [
        pytest.param(
            APPLICATION,
            "ERROR YarnScheduler: Lost executor 9 on ip-10-0-1-7: Container from a bad node: "
            "container_1700000000000_0001_01_000005 on host: ip-10-0-1-7. Exit status: 137",
            5,
            id="yarn-names-the-container",
        ),
        pytest.param(
            APPLICATION,
            "WARN TaskSetManager: Lost task 0.0 in stage 1.0 (TID 4) (ip-10-0-1-7 executor 3): ",
            4,
            id="yarn-counts-executors-from-1",
        ),
        pytest.param(
            "app-20261121081153-0003",
            "ERROR TaskSchedulerImpl: Lost executor 3 on 127.0.0.1: Command exited with code 137",
            5,
            id="standalone-counts-executors-from-0",
        ),
    ],
)
@pytest.mark.parametrize("where", ["client-mode", "cluster-mode"])
def test_executors_in_trouble_are_read_before_newer_ones(
    house: House, application: str, line: str, number: int, where: str
) -> None:
    run = house.submit()
    for other in range(2, 61):
        container_log(house, run, other, "log\n", application=application)
    if where == "client-mode":
        house.step_log(run, "stderr", f"{line}\n".encode())
    else:
        container_log(house, run, 1, f"{line}\n", application=application)

    read = container_logs_read(house, run, of=application)

    executors = [name for name in read if name != "000001/stderr.gz"]
    assert f"{number:06d}/stderr.gz" in executors[:2]
    assert len(read) == 20


@pytest.mark.parametrize("damage", ["cut-off", "garbled"])
def test_of_a_damaged_log_as_much_is_read_as_can_be(house: House, damage: str) -> None:
    run = house.submit()
    name = container_log(house, run, 2, "java.io.IOException: No space left on device\n" * 9)
    key = f"selfserve/emr-logs/{run.placement.cluster_id}/{name}"
    whole = house.store.get(key) or b""
    house.store.put(key, whole[:-8] if damage == "cut-off" else whole + b"no gzip at all")
    fail(house, run, application_id=APPLICATION)

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "disk-full"


def test_logs_that_emr_has_not_copied_are_said_to_be_missing(tmp_path: Path) -> None:
    house = House(tmp_path, kind="aws")
    run = house.submit()
    house.pass_step(run, StepState.RUNNING, StepState.FAILED)

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert not diagnosis.verdict.is_known
    (note,) = diagnosis.notes
    assert note.startswith("EMR has not copied the step's logs to S3 yet")
    assert "up to five minutes" in note


def test_logs_in_another_bucket_are_not_read_and_said_to_be_there(house: House) -> None:
    run = house.submit()
    cluster = house.backend._find(run.placement.cluster_id)
    cluster.seen = replace(cluster.seen, log_uri="s3://theirs/logs/")
    house.pass_step(run, StepState.RUNNING, StepState.FAILED)

    assert "s3://theirs/logs/" in ask(house, run).notes[0]


def test_a_copy_that_ends_in_the_middle_is_read_as_far_as_it_goes(house: House) -> None:
    run = house.submit()
    text = b"java.io.IOException: No space left on device\n" + b"INFO x\n" * 50_000
    folder = f"selfserve/emr-logs/{run.placement.cluster_id}/steps/{run.placement.step_id}"
    whole = gzip.compress(text)
    house.store.put(f"{folder}/stderr.gz", whole[: len(whole) // 2])
    house.pass_step(run, StepState.RUNNING, StepState.FAILED)

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "disk-full"


def test_a_success_is_said_to_be_one(house: House) -> None:
    run = house.submit()
    house.succeed(run)

    diagnosis = ask(house, run)

    assert diagnosis.summary == f"Run {run.id} (train.py) succeeded."
    assert diagnosis.verdict is None


def test_a_run_that_goes_on_is_said_to(house: House) -> None:
    run = house.submit()

    diagnosis = ask(house, run)

    assert diagnosis.summary == f"Run {run.id} (train.py) has not ended: it is PENDING."
    assert diagnosis.verdict is None


def test_a_run_that_goes_on_without_resources_is_told_why(house: House) -> None:
    run = house.submit()
    house.pass_step(run, StepState.RUNNING)
    house.step_log(
        run,
        "stderr",
        b"WARN TaskSchedulerImpl: Initial job has not accepted any resources; check your cluster "
        b"UI to ensure that workers are registered and have sufficient resources\n",
    )

    diagnosis = ask(house, run)

    assert "it is RUNNING" in diagnosis.summary
    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "no-resources"


def test_a_cancelled_run_is_no_failure(house: House) -> None:
    run = house.submit()
    house.record(run, exit_code=143, signal="SIGTERM", cancelled=True)
    house.pass_step(run, StepState.RUNNING, StepState.CANCELLED)

    diagnosis = ask(house, run)

    assert "was cancelled" in diagnosis.summary
    assert diagnosis.verdict is None


def test_a_run_that_never_reached_emr_is_said_so(house: House) -> None:
    run = house.submit()
    assert isinstance(house.store, MemoryStore)
    del house.store.objects[f"selfserve/runs/{run.id}/placement.json"]
    house.backend._find(run.placement.cluster_id).steps.clear()

    diagnosis = ask(house, run)

    assert diagnosis.verdict is None
    assert run.id in diagnosis.summary


def test_a_run_whose_cluster_died_is_explained_by_that(house: House) -> None:
    run = house.submit()
    cluster_id = run.placement.cluster_id
    house.step(run, StepState.CANCELLED)
    end_cluster(
        house,
        cluster_id,
        ClusterState.TERMINATED_WITH_ERRORS,
        "INTERNAL_ERROR",
        "EC2 is out of capacity for r7g.2xlarge in availability zone eu-west-1a.",
    )

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "emr-no-capacity"


@pytest.mark.parametrize("state", [StepState.INTERRUPTED, StepState.CANCELLED])
def test_a_run_whose_cluster_somebody_has_ended_is_explained_by_that(
    house: House, state: StepState
) -> None:
    run = house.submit()
    house.step(run, state)
    end_cluster(
        house,
        run.placement.cluster_id,
        ClusterState.TERMINATED,
        "USER_REQUEST",
        "Terminated by user request",
    )

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "cluster-ended-on-purpose"
    assert "Terminated by user request." in diagnosis.verdict.cause
    assert diagnosis.verdict.command == f"selfserve submit {house.job} -c small"


def test_a_job_that_failed_by_itself_is_not_explained_by_the_later_end(house: House) -> None:
    run = house.submit()
    fail(house, run, exception=MISSING)
    house.backend.clock.sleep(timedelta(hours=1))
    end_cluster(
        house, run.placement.cluster_id, ClusterState.TERMINATED, "USER_REQUEST", "Asked for"
    )

    diagnosis = ask(house, run)

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "module-missing"


def test_what_was_followed_to_its_end_is_explained_without_waiting(house: House) -> None:
    run = house.submit()
    fail(house, run, exception=MISSING)
    finished = house.follow(run)
    slept = len(house.backend.clock.slept)

    diagnosis = diagnose_finished(house.target, finished)

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "module-missing"
    assert len(house.backend.clock.slept) == slept


@pytest.mark.parametrize("wanted", ["r-20261121-120000-ffffff", "nothing", "j-NOTHING"])
def test_what_does_not_exist_is_not_found(house: House, wanted: str) -> None:
    with pytest.raises(NotFoundError):
        why(house.target, wanted)


@pytest.mark.parametrize(
    ("state", "code", "reason", "said"),
    [
        (ClusterState.WAITING, None, None, "is WAITING; nothing is wrong with it."),
        (
            ClusterState.TERMINATED,
            "USER_REQUEST",
            "Terminated by user request",
            "because somebody asked for it. EMR says: Terminated by user request.",
        ),
        (
            ClusterState.TERMINATED,
            "ALL_STEPS_COMPLETED",
            "Steps completed",
            "as it should, after its last step.",
        ),
        (
            ClusterState.TERMINATED,
            "ALL_STEPS_COMPLETED",
            "The cluster was idle for an hour",
            "as it should, because it was idle.",
        ),
    ],
)
def test_a_cluster_that_is_fine_is_said_to_be(
    house: House, state: ClusterState, code: str, reason: str, said: str
) -> None:
    (cluster,) = house.backend.list_clusters()
    end_cluster(house, cluster.id, state, code, reason)

    diagnosis = why(house.target, "mine")

    assert said in diagnosis.summary
    assert diagnosis.verdict is None
    assert why(house.target, cluster.id).summary == diagnosis.summary


def test_an_end_at_the_maximum_age_is_not_somebodys_wish(house: House) -> None:
    (cluster,) = house.backend.list_clusters()
    reason = "Terminated at its maximum age of 24h, when no step was running."
    end_cluster(house, cluster.id, ClusterState.TERMINATED, "USER_REQUEST", reason)

    summary = why(house.target, "mine").summary

    assert f"has ended as it should, at its maximum age. EMR says: {reason}" in summary


def test_where_emr_cannot_tell_the_timer_from_a_user_both_are_named(house: House) -> None:
    (cluster,) = house.backend.list_clusters()
    house.backend.clock.sleep(timedelta(hours=25))
    end_cluster(house, cluster.id, ClusterState.TERMINATED, "USER_REQUEST", "By user request")

    summary = why(house.target, "mine").summary

    assert "because somebody asked for it, or its own timer did" in summary
    assert "its maximum age of 1d" in summary


def test_a_cluster_that_did_not_start_is_explained_with_its_bootstrap_log(house: House) -> None:
    (cluster,) = house.backend.list_clusters()
    node = f"selfserve/emr-logs/{cluster.id}/node/i-0ddd5cacbc6b0082c/bootstrap-actions/1"
    house.store.put(f"{node}/stderr.gz", gzip.compress(b"ERROR: No matching distribution: x\n"))
    house.store.put(f"{node}/controller.gz", gzip.compress(b"INFO x\n"))
    end_cluster(
        house,
        cluster.id,
        ClusterState.TERMINATED_WITH_ERRORS,
        "BOOTSTRAP_FAILURE",
        "On the master instance (i-0ddd5cacbc6b0082c), bootstrap action 1 returned a non-zero "
        "return code",
    )

    diagnosis = why(house.target, "mine")

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "emr-bootstrap-failed"
    assert diagnosis.verdict.quotes[-1].lines == ("ERROR: No matching distribution: x",)
    assert diagnosis.verdict.command == "selfserve plan small"


def test_a_bootstrap_log_that_is_not_there_yet_is_said_to_be_missing(house: House) -> None:
    (cluster,) = house.backend.list_clusters()
    end_cluster(
        house, cluster.id, ClusterState.TERMINATED_WITH_ERRORS, "BOOTSTRAP_FAILURE", "i-0abc died"
    )

    (note,) = why(house.target, "mine").notes

    assert "has not copied" in note


def test_a_cluster_that_a_step_has_ended_points_to_the_run(tmp_path: Path) -> None:
    house = House(tmp_path, on=None)
    run = house.submit()
    fail(house, run)
    end_cluster(
        house,
        run.placement.cluster_id,
        ClusterState.TERMINATED_WITH_ERRORS,
        "STEP_FAILURE",
        "Shut down as step failed",
    )

    diagnosis = why(house.target, run.placement.cluster_id)

    assert diagnosis.verdict is not None
    assert diagnosis.verdict.kind == "emr-ended-by-step"
    assert diagnosis.verdict.command == f"selfserve why {run.id}"


def test_a_cluster_on_which_a_run_failed_points_to_it(house: House) -> None:
    run = house.submit()
    fail(house, run)

    diagnosis = why(house.target, "mine")

    assert diagnosis.verdict is None
    assert f"Its run {run.id} failed; see: selfserve why {run.id}" in diagnosis.summary
