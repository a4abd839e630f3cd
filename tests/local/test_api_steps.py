"""EMR operations on steps, as clients see them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.api_house import ApiHouse, api_house
from local.example_clusters import minutes, step_config
from local.fake_engine import HOLD


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiHouse]:
    with api_house(tmp_path / "state.db", exit_code=HOLD) as house:
        yield house


def add(house: ApiHouse, cluster_id: str, *names: str) -> list[str]:
    steps = [step_config(name) for name in names]
    return list(house.ask("AddJobFlowSteps", JobFlowId=cluster_id, Steps=steps)["StepIds"])


def described(house: ApiHouse, cluster_id: str, step_id: str) -> Any:
    return house.ask("DescribeStep", ClusterId=cluster_id, StepId=step_id)["Step"]


def test_a_step_is_described_as_it_was_asked_for(house: ApiHouse) -> None:
    jar_step = {
        "Jar": "s3://b/job.jar",
        "MainClass": "org.example.Main",
        "Args": ["a", "b c"],
        "Properties": [{"Key": "p", "Value": "1"}, {"Key": "q"}],
    }
    config = {"Name": "etl", "ActionOnFailure": "CANCEL_AND_WAIT", "HadoopJarStep": jar_step}
    cluster_id = house.launch(config)
    step_id = house.ask("ListSteps", ClusterId=cluster_id)["Steps"][0]["Id"]

    step = described(house, cluster_id, step_id)

    assert step["Name"] == "etl"
    assert step["ActionOnFailure"] == "CANCEL_AND_WAIT"
    assert step["Config"] == {
        "Jar": "s3://b/job.jar",
        "MainClass": "org.example.Main",
        "Args": ["a", "b c"],
        "Properties": {"p": "1", "q": ""},
    }
    assert step["Status"]["State"] == "RUNNING"


def test_steps_run_one_after_the_other_and_have_timelines(house: ApiHouse) -> None:
    cluster_id = house.launch()
    first, second = add(house, cluster_id, "first", "second")

    house.clock.pass_by(minutes=5)
    house.engine.finish_step(cluster_id, first)

    assert described(house, cluster_id, first)["Status"] == {
        "State": "COMPLETED",
        "StateChangeReason": {},
        "Timeline": {
            "CreationDateTime": minutes(0),
            "StartDateTime": minutes(0),
            "EndDateTime": minutes(5),
        },
    }
    assert described(house, cluster_id, second)["Status"]["State"] == "RUNNING"


def test_a_failed_step_says_why_and_where_its_log_is(house: ApiHouse) -> None:
    cluster_id = house.launch(LogUri="s3://b/logs/")
    (step_id,) = add(house, cluster_id, "etl")

    house.engine.finish_step(cluster_id, step_id, 1)

    status = described(house, cluster_id, step_id)["Status"]
    assert status["State"] == "FAILED"
    assert status["FailureDetails"] == {
        "Reason": "The step ended with exit code 1.",
        "LogFile": f"s3://b/logs/{cluster_id}/steps/{step_id}/stderr.gz",
    }


def test_without_log_uri_there_is_no_log_file(house: ApiHouse) -> None:
    cluster_id = house.launch()
    (step_id,) = add(house, cluster_id, "etl")

    house.engine.finish_step(cluster_id, step_id, -9)

    details = described(house, cluster_id, step_id)["Status"]["FailureDetails"]
    assert details == {"Reason": "The step was killed by SIGKILL."}


def test_an_unknown_step_is_not_valid(house: ApiHouse) -> None:
    cluster_id = house.launch()

    refusal = house.refused("DescribeStep", ClusterId=cluster_id, StepId="s-NONE")

    assert refusal == "InvalidRequestException: Step id 's-NONE' is not valid."


def test_steps_are_listed_newest_first_fifty_a_page(house: ApiHouse) -> None:
    cluster_id = house.launch()
    ids = add(house, cluster_id, *(f"step {number}" for number in range(100)))
    ids += add(house, cluster_id, *(f"step {number}" for number in range(100, 120)))

    pages: list[list[str]] = []
    marker: dict[str, str] = {}
    while len(pages) < 5:
        answer = house.ask("ListSteps", ClusterId=cluster_id, **marker)
        pages.append([step["Id"] for step in answer["Steps"]])
        if "Marker" not in answer:
            break
        marker = {"Marker": answer["Marker"]}

    assert [len(page) for page in pages] == [50, 50, 20]
    assert [step_id for page in pages for step_id in page] == ids[::-1]


def test_steps_are_filtered_by_state_and_id(house: ApiHouse) -> None:
    cluster_id = house.launch()
    first, second, third = add(house, cluster_id, "a", "b", "c")

    def listed(**filters: Any) -> list[str]:
        steps = house.ask("ListSteps", ClusterId=cluster_id, **filters)["Steps"]
        return [step["Id"] for step in steps]

    assert listed(StepStates=["RUNNING"]) == [first]
    assert listed(StepStates=["PENDING"]) == [third, second]
    assert listed(StepIds=[first, third]) == [third, first]
    assert listed(StepIds=[first, third], StepStates=["PENDING"]) == [third]


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_cluster_that_is_over_takes_no_steps(house: ApiHouse, *, is_gone: bool) -> None:
    house.engine.holds_stop = not is_gone
    cluster_id = house.launch()
    house.ask("TerminateJobFlows", JobFlowIds=[cluster_id])

    refusal = house.refused("AddJobFlowSteps", JobFlowId=cluster_id, Steps=[step_config()])

    assert refusal == (
        "ValidationException: A job flow that is shutting down, terminated, or finished "
        "may not be modified."
    )


def test_a_cluster_has_at_most_256_unfinished_steps(house: ApiHouse) -> None:
    cluster_id = house.launch()
    for _ in range(2):
        add(house, cluster_id, *["etl"] * 100)
    add(house, cluster_id, *["etl"] * 56)

    refusal = house.refused("AddJobFlowSteps", JobFlowId=cluster_id, Steps=[step_config()])

    assert "256 are pending or running and 1 would be added" in refusal


def test_with_concurrent_steps_only_continue_is_accepted(house: ApiHouse) -> None:
    cluster_id = house.launch(StepConcurrencyLevel=2)
    steps = [step_config(on_failure="TERMINATE_CLUSTER")]

    refusal = house.refused("AddJobFlowSteps", JobFlowId=cluster_id, Steps=steps)

    assert "only CONTINUE is accepted while StepConcurrencyLevel is 2" in refusal


def test_cancelling_tells_of_each_step_whether_it_is_cancelled(house: ApiHouse) -> None:
    cluster_id = house.launch()
    done, running, pending = add(house, cluster_id, "a", "b", "c")
    house.engine.finish_step(cluster_id, done)

    answer = house.ask("CancelSteps", ClusterId=cluster_id, StepIds=[done, running, pending])

    assert answer["CancelStepsInfoList"] == [
        {
            "StepId": done,
            "Status": "FAILED",
            "Reason": "The step is COMPLETED and cannot be cancelled.",
        },
        {"StepId": running, "Status": "SUBMITTED"},
        {"StepId": pending, "Status": "SUBMITTED"},
    ]
    assert described(house, cluster_id, done)["Status"]["State"] == "COMPLETED"
    for step_id in (running, pending):
        status = described(house, cluster_id, step_id)["Status"]
        assert status["State"] == "CANCELLED"
        assert status["StateChangeReason"] == {"Message": "Cancelled by user request."}


def test_a_step_that_does_not_heed_can_be_killed(house: ApiHouse) -> None:
    house.engine.heeds_cancel = False
    cluster_id = house.launch()
    (step_id,) = add(house, cluster_id, "etl")

    house.ask("CancelSteps", ClusterId=cluster_id, StepIds=[step_id])
    assert described(house, cluster_id, step_id)["Status"]["State"] == "CANCEL_PENDING"
    house.ask(
        "CancelSteps",
        ClusterId=cluster_id,
        StepIds=[step_id],
        StepCancellationOption="TERMINATE_PROCESS",
    )

    assert described(house, cluster_id, step_id)["Status"]["State"] == "CANCELLED"
    assert ("kill_step", step_id) in house.engine.calls


def test_cancelling_an_unknown_step_cancels_none(house: ApiHouse) -> None:
    cluster_id = house.launch()
    (step_id,) = add(house, cluster_id, "etl")

    refusal = house.refused("CancelSteps", ClusterId=cluster_id, StepIds=[step_id, "s-NONE"])

    assert "'s-NONE' is not valid" in refusal
    assert described(house, cluster_id, step_id)["Status"]["State"] == "RUNNING"
