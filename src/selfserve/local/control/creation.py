"""Make the records of a new cluster, and of new steps, from validated requests.

Pure, but for the source of randomness of the ids.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import NodeRole
from selfserve.local.control import capacity, ids
from selfserve.local.control.bootstrap_arguments import max_age_s
from selfserve.local.control.records import ClusterRecord, Json, NodeGroupRecord, StepRecord

DEFAULT_IDLE_TIMEOUT_S = 3600
"""EMR's IdleTimeout when an AutoTerminationPolicy names none (EMR Management Guide)."""


def new_cluster(
    request: Json, *, now: datetime, randomness: random.Random = ids.SYSTEM
) -> ClusterRecord:
    """Return the STARTING cluster that a validated RunJobFlow request asks for."""
    instances: Json = request["Instances"]
    record = ClusterRecord(
        id=ids.new_cluster_id(randomness),
        request=request,
        name=request["Name"],
        release=request["ReleaseLabel"],
        state=ClusterState.STARTING,
        created=now,
        tags=_pairs(request.get("Tags", ())),
        keep_alive=instances.get("KeepJobFlowAliveWhenNoSteps", False),
        protected=instances.get("TerminationProtected", False),
        step_concurrency=request.get("StepConcurrencyLevel", 1),
        idle_timeout_s=idle_timeout_s(request.get("AutoTerminationPolicy")),
        max_age_s=max_age_s(request),
        scaling=request.get("ManagedScalingPolicy"),
        groups=_groups(instances, randomness),
        steps=new_steps(request.get("Steps", ()), now=now, randomness=randomness),
    )
    return capacity.fill(record, now)


def new_steps(
    configs: Sequence[Json], *, now: datetime, randomness: random.Random = ids.SYSTEM
) -> tuple[StepRecord, ...]:
    """Return PENDING steps for the validated StepConfigs of RunJobFlow or AddJobFlowSteps."""
    return tuple(_step(config, now, randomness) for config in configs)


def idle_timeout_s(policy: Json | None) -> int | None:
    """Seconds of an AutoTerminationPolicy; None when there is no policy."""
    if policy is None:
        return None
    return int(policy.get("IdleTimeout", DEFAULT_IDLE_TIMEOUT_S))


def _step(config: Json, now: datetime, randomness: random.Random) -> StepRecord:
    jar_step: Json = config["HadoopJarStep"]
    return StepRecord(
        id=ids.new_step_id(randomness),
        name=config["Name"],
        jar=jar_step["Jar"],
        args=tuple(jar_step.get("Args", ())),
        action_on_failure=config.get("ActionOnFailure", "TERMINATE_CLUSTER"),
        state=StepState.PENDING,
        created=now,
        main_class=jar_step.get("MainClass"),
        properties=_pairs(jar_step.get("Properties", ())),
    )


def _groups(instances: Json, randomness: random.Random) -> tuple[NodeGroupRecord, ...]:
    if "InstanceFleets" in instances:
        return tuple(_fleet(config, randomness) for config in instances["InstanceFleets"])
    configs = instances.get("InstanceGroups") or _legacy_groups(instances)
    return tuple(_group(config, randomness) for config in configs)


def _fleet(config: Json, randomness: random.Random) -> NodeGroupRecord:
    return NodeGroupRecord(
        id=ids.new_fleet_id(randomness),
        role=NodeRole.from_emr(config["InstanceFleetType"]),
        name=config.get("Name", config["InstanceFleetType"]),
        is_fleet=True,
        config=config,
        requested_on_demand=config.get("TargetOnDemandCapacity", 0),
        requested_spot=config.get("TargetSpotCapacity", 0),
    )


def _group(config: Json, randomness: random.Random) -> NodeGroupRecord:
    is_spot = config.get("Market") == capacity.SPOT
    count: int = config["InstanceCount"]
    return NodeGroupRecord(
        id=ids.new_group_id(randomness),
        role=NodeRole.from_emr(config["InstanceRole"]),
        name=config.get("Name", config["InstanceRole"]),
        is_fleet=False,
        config=config,
        requested_on_demand=0 if is_spot else count,
        requested_spot=count if is_spot else 0,
    )


def _legacy_groups(instances: Json) -> Iterable[Json]:
    """MasterInstanceType, SlaveInstanceType and InstanceCount, as the groups they stand for."""
    count: int = instances.get("InstanceCount", 1)
    master: str = instances["MasterInstanceType"]
    yield {"InstanceRole": "MASTER", "InstanceType": master, "InstanceCount": 1}
    if count > 1:
        worker = instances.get("SlaveInstanceType", master)
        yield {"InstanceRole": "CORE", "InstanceType": worker, "InstanceCount": count - 1}


def _pairs(items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """A list of EMR's Key and Value pairs as a dictionary. Any: parts of a request."""
    return {item["Key"]: item.get("Value", "") for item in items}
