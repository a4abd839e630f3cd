"""Requests and records that tests of the local target start from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from selfserve.core.cluster import ClusterState, StepState
from selfserve.local.control.creation import new_cluster, new_steps
from selfserve.local.control.events import EngineProvisioned, EngineReady
from selfserve.local.control.model import advance
from selfserve.local.control.records import ClusterRecord, StepRecord

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def minutes(count: float) -> datetime:
    """So many minutes after NOON, when example clusters are created."""
    return NOON + timedelta(minutes=count)


def step_config(name: str = "etl", *, on_failure: str = "CONTINUE") -> dict[str, Any]:
    jar_step = {"Jar": "command-runner.jar", "Args": ["spark-submit", "s3://b/job.py"]}
    return {"Name": name, "ActionOnFailure": on_failure, "HadoopJarStep": jar_step}


def fleet_config(
    kind: str, *, on_demand: int = 0, spot: int = 0, weight: int = 1
) -> dict[str, Any]:
    return {
        "Name": kind.lower(),
        "InstanceFleetType": kind,
        "TargetOnDemandCapacity": on_demand,
        "TargetSpotCapacity": spot,
        "InstanceTypeConfigs": [
            {"InstanceType": "m7g.xlarge", "WeightedCapacity": weight},
            {"InstanceType": "m6g.2xlarge", "WeightedCapacity": 2 * weight},
        ],
    }


def request(
    *steps: dict[str, Any], keep_alive: bool = True, protected: bool = False, **more: Any
) -> dict[str, Any]:
    """A RunJobFlow request with fleets: one primary, two core, one spot task instance."""
    return {
        "Name": "example",
        "ReleaseLabel": "emr-7.14.0",
        "Instances": {
            "KeepJobFlowAliveWhenNoSteps": keep_alive,
            "TerminationProtected": protected,
            "InstanceFleets": [
                fleet_config("MASTER", on_demand=1),
                fleet_config("CORE", on_demand=2),
                fleet_config("TASK", spot=1),
            ],
        },
        "Steps": list(steps),
        **more,
    }


def starting(*steps: dict[str, Any], **more: Any) -> ClusterRecord:
    return new_cluster(request(*steps, **more), now=NOON, randomness=Random(7))


def bootstrapping(*steps: dict[str, Any], **more: Any) -> ClusterRecord:
    return advance(starting(*steps, **more), EngineProvisioned(), minutes(1))[0]


def up(*steps: dict[str, Any], **more: Any) -> ClusterRecord:
    """RUNNING its first step, or WAITING; ready two minutes after NOON."""
    return advance(bootstrapping(*steps, **more), EngineReady(), minutes(2))[0]


def terminating(code: str = "USER_REQUEST", **more: Any) -> ClusterRecord:
    return replace(up(**more), state=ClusterState.TERMINATING, reason_code=code, idle_since=None)


def gone(code: str = "USER_REQUEST", **more: Any) -> ClusterRecord:
    return replace(
        terminating(code, **more), state=ClusterState.TERMINATED, ended=minutes(3), instances=()
    )


def new_step(name: str = "later", *, on_failure: str = "CONTINUE", seed: int = 1) -> StepRecord:
    configs = [step_config(name, on_failure=on_failure)]
    return new_steps(configs, now=minutes(3), randomness=Random(seed))[0]


def step_states(cluster: ClusterRecord) -> list[StepState]:
    return [step.state for step in cluster.steps]
