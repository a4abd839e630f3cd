"""EMR operations on a cluster's auto-termination and managed scaling policies."""

from selfserve.local.api.operations.desk import Answer, Desk, refuse_by_rules, refuse_if_over
from selfserve.local.control.creation import idle_timeout_s
from selfserve.local.control.events import Event, SettingsChanged
from selfserve.local.control.records import ClusterRecord, Json


def put_auto_termination_policy(desk: Desk, request: Json) -> Answer:
    """PutAutoTerminationPolicy."""
    policy = request.get("AutoTerminationPolicy", {})
    return _put(desk, request, "PutAutoTerminationPolicy", idle_timeout_s=idle_timeout_s(policy))


def get_auto_termination_policy(desk: Desk, request: Json) -> Answer:
    """GetAutoTerminationPolicy: nothing when there is none."""
    timeout_s = desk.cluster(request["ClusterId"]).idle_timeout_s
    return {} if timeout_s is None else {"AutoTerminationPolicy": {"IdleTimeout": timeout_s}}


def remove_auto_termination_policy(desk: Desk, request: Json) -> Answer:
    """RemoveAutoTerminationPolicy: no error when there is none."""
    return _put(desk, request, "RemoveAutoTerminationPolicy", idle_timeout_s=None)


def put_managed_scaling_policy(desk: Desk, request: Json) -> Answer:
    """PutManagedScalingPolicy."""
    policy = request["ManagedScalingPolicy"]
    return _put(desk, request, "PutManagedScalingPolicy", scaling=policy)


def get_managed_scaling_policy(desk: Desk, request: Json) -> Answer:
    """GetManagedScalingPolicy: nothing when there is none."""
    policy = desk.cluster(request["ClusterId"]).scaling
    return {} if policy is None else {"ManagedScalingPolicy": policy}


def remove_managed_scaling_policy(desk: Desk, request: Json) -> Answer:
    """RemoveManagedScalingPolicy: no error when there is none."""
    return _put(desk, request, "RemoveManagedScalingPolicy", scaling=None)


def _put(desk: Desk, request: Json, operation: str, **settings: object) -> Answer:
    def choose(cluster: ClusterRecord) -> Event:
        refuse_if_over(cluster)
        refuse_by_rules(operation, request, cluster)
        return SettingsChanged(settings)

    desk.change(request["ClusterId"], choose)
    return {}
