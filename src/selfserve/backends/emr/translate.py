"""Our types to EMR's requests: LaunchSpec to RunJobFlow, StepSpec to StepConfig.

Pure. Whatever bounds a cluster's cost is written out in every request, so that
nothing depends on a default of EMR's. Each choice that a profile does not make
(allocation strategies, scale-down behaviour) is made here, with its reason.
Sources: Amazon EMR API Reference, RunJobFlow and its structures
https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from selfserve.core.launch import (
    BootstrapAction,
    Configuration,
    Fleet,
    InstanceChoice,
    LaunchSpec,
    Market,
    Scaling,
    StepSpec,
)

if TYPE_CHECKING:
    from mypy_boto3_emr.type_defs import (
        BootstrapActionConfigTypeDef,
        ConfigurationTypeDef,
        InstanceFleetConfigTypeDef,
        InstanceFleetProvisioningSpecificationsTypeDef,
        InstanceTypeConfigTypeDef,
        JobFlowInstancesConfigTypeDef,
        ManagedScalingPolicyTypeDef,
        RunJobFlowInputTypeDef,
        StepConfigTypeDef,
        TagTypeDef,
        VolumeSpecificationTypeDef,
    )

_IDLE_TIMEOUT_S = range(60, 604_800 + 1)


def to_run_job_flow(spec: LaunchSpec) -> "RunJobFlowInputTypeDef":
    """Return the RunJobFlow request that asks for exactly this cluster.

    Left out on purpose: VisibleToAllUsers, which EMR no longer honours. Absent
    values (no steps, no security configuration) leave their key out.
    """
    request: RunJobFlowInputTypeDef = {
        "Name": str(spec.name),
        "ReleaseLabel": spec.release,
        "LogUri": spec.log_uri,
        "ServiceRole": spec.service_role,
        "JobFlowRole": spec.instance_profile,
        "Instances": _to_instances(spec),
        "Applications": [{"Name": name} for name in spec.applications],
        "Tags": to_tags({**spec.tags, **spec.name.tags()}),
        # EMR takes the policy together with KeepJobFlowAliveWhenNoSteps=false (seen in
        # https://github.com/aws/aws-sdk/issues/605): whichever comes first ends the cluster.
        "AutoTerminationPolicy": {"IdleTimeout": to_idle_timeout(spec.idle_timeout)},
        "ManagedScalingPolicy": to_managed_scaling_policy(spec.scaling),
        "ScaleDownBehavior": "TERMINATE_AT_TASK_COMPLETION",
        "StepConcurrencyLevel": spec.step_concurrency,
    }
    if spec.configurations:
        request["Configurations"] = [_to_configuration(part) for part in spec.configurations]
    if spec.bootstrap:
        request["BootstrapActions"] = [_to_bootstrap_action(action) for action in spec.bootstrap]
    if spec.steps:
        request["Steps"] = [to_step_config(step) for step in spec.steps]
    if spec.security_configuration is not None:
        request["SecurityConfiguration"] = spec.security_configuration
    if spec.root_volume_gib is not None:
        request["EbsRootVolumeSize"] = spec.root_volume_gib
    return request


def to_step_config(step: StepSpec) -> "StepConfigTypeDef":
    """Return one step, for RunJobFlow and AddJobFlowSteps."""
    return {
        "Name": step.name,
        "ActionOnFailure": step.on_failure.value,
        "HadoopJarStep": {"Jar": step.jar, "Args": list(step.args)},
    }


def to_tags(tags: Mapping[str, str]) -> "list[TagTypeDef]":
    """Return the tags sorted by key, so that equal launches make equal requests."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def to_idle_timeout(timeout: timedelta) -> int:
    """Return `timeout` in whole seconds, the unit of EMR's `IdleTimeout`.

    Rounds down, so that no cluster outlives what its profile promises.

    Raises:
        ValueError: EMR accepts 60 seconds to 7 days; `timeout` is outside.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_AutoTerminationPolicy.html
    """
    seconds = timeout // timedelta(seconds=1)
    if seconds not in _IDLE_TIMEOUT_S:
        raise ValueError(f"idle timeout {timeout} is outside EMR's 60 s to 7 days")
    return seconds


def to_managed_scaling_policy(scaling: Scaling) -> "ManagedScalingPolicyTypeDef":
    """Return the limits with every optional one written out; EMR would default to the maximum."""
    return {
        "ComputeLimits": {
            "UnitType": "InstanceFleetUnits",
            "MinimumCapacityUnits": scaling.minimum_units,
            "MaximumCapacityUnits": scaling.maximum_units,
            "MaximumOnDemandCapacityUnits": scaling.maximum_on_demand_units,
            "MaximumCoreCapacityUnits": scaling.maximum_core_units,
        }
    }


def _to_instances(spec: LaunchSpec) -> "JobFlowInstancesConfigTypeDef":
    instances: JobFlowInstancesConfigTypeDef = {
        "InstanceFleets": [_to_fleet(fleet) for fleet in spec.fleets],
        "KeepJobFlowAliveWhenNoSteps": spec.keep_alive,
        "TerminationProtected": False,  # protection would also stop us from ending it
    }
    if spec.subnets:
        instances["Ec2SubnetIds"] = list(spec.subnets)
    if spec.ssh_key is not None:
        instances["Ec2KeyName"] = spec.ssh_key
    return instances


def _to_fleet(fleet: Fleet) -> "InstanceFleetConfigTypeDef":
    config: InstanceFleetConfigTypeDef = {
        "Name": fleet.role.value,
        "InstanceFleetType": fleet.role.to_emr(),
        "InstanceTypeConfigs": list(_to_instance_types(fleet)),
        "LaunchSpecifications": _to_launch_specifications(fleet),
    }
    # One key only: EMR refuses a primary fleet that names both, even if one is 0.
    if fleet.market is Market.SPOT:
        config["TargetSpotCapacity"] = fleet.target_units
    else:
        config["TargetOnDemandCapacity"] = fleet.target_units
    return config


def _to_instance_types(fleet: Fleet) -> "Iterable[InstanceTypeConfigTypeDef]":
    for priority, choice in enumerate(fleet.choices):
        yield _to_instance_type(choice, priority=priority, disk_gib=fleet.disk_gib)


def _to_instance_type(
    choice: InstanceChoice, *, priority: int, disk_gib: int | None
) -> "InstanceTypeConfigTypeDef":
    config: InstanceTypeConfigTypeDef = {
        "InstanceType": choice.instance_type,
        "WeightedCapacity": choice.units,
        "Priority": float(priority),  # EMR's type is double; 0 is the highest
    }
    if disk_gib is not None:
        volume: VolumeSpecificationTypeDef = {"VolumeType": "gp3", "SizeInGB": disk_gib}
        config["EbsConfiguration"] = {
            "EbsBlockDeviceConfigs": [{"VolumeSpecification": volume, "VolumesPerInstance": 1}]
        }
    return config


def _to_launch_specifications(fleet: Fleet) -> "InstanceFleetProvisioningSpecificationsTypeDef":
    """Return how EMR chooses among the fleet's types.

    On-Demand: `prioritized`, the order in which the profile lists them. EMR's
    default `lowest-price` takes an older generation that costs less an hour and
    more a job. Spot: `price-capacity-optimized`, what AWS recommends: pools that
    are cheap among those least likely to be interrupted. Naming a strategy also
    lifts the limit of a fleet from 5 types to 30.
    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-instance-fleet.html
    """
    specifications: InstanceFleetProvisioningSpecificationsTypeDef = {
        "OnDemandSpecification": {"AllocationStrategy": "prioritized"}
    }
    if fleet.market is Market.SPOT:
        falls_back = fleet.fallback_to_on_demand
        specifications["SpotSpecification"] = {
            "TimeoutDurationMinutes": fleet.spot_timeout // timedelta(minutes=1),
            "TimeoutAction": "SWITCH_TO_ON_DEMAND" if falls_back else "TERMINATE_CLUSTER",
            "AllocationStrategy": "price-capacity-optimized",
        }
    return specifications


def _to_configuration(part: Configuration) -> "ConfigurationTypeDef":
    configuration: ConfigurationTypeDef = {
        "Classification": part.classification,
        "Properties": dict(sorted(part.properties.items())),
    }
    if part.nested:
        configuration["Configurations"] = [_to_configuration(nested) for nested in part.nested]
    return configuration


def _to_bootstrap_action(action: BootstrapAction) -> "BootstrapActionConfigTypeDef":
    return {
        "Name": action.name,
        "ScriptBootstrapAction": {"Path": action.s3_uri, "Args": list(action.args)},
    }
