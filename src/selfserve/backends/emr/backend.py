"""Amazon EMR, or the endpoint on this machine in its place, as a Backend.

Thin: `translate` decides what is asked, `translate_replies` what was answered.
Waiting and looking again are the callers' business.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from selfserve.aws.errors import aws_errors, error_code, error_message
from selfserve.aws.session import Clients
from selfserve.backends.emr.translate import (
    to_managed_scaling_policy,
    to_run_job_flow,
    to_step_config,
)
from selfserve.backends.emr.translate_replies import (
    from_cluster_summary,
    from_describe_cluster,
    from_instance_fleet,
    from_instance_group,
    from_step,
)
from selfserve.core.cluster import (
    Cluster,
    ClusterState,
    ClusterSummary,
    NodeCount,
    Step,
    StepState,
)
from selfserve.core.launch import LaunchSpec, Scaling, StepSpec
from selfserve.errors import (
    AwsError,
    BadInputError,
    NoAnswerError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedByPolicyError,
    SelfserveError,
)

if TYPE_CHECKING:
    from mypy_boto3_emr.type_defs import (
        AddJobFlowStepsInputTypeDef,
        ListClustersInputPaginateTypeDef,
        ListStepsInputPaginateTypeDef,
        PutManagedScalingPolicyInputTypeDef,
    )

# EMR has no code for "no such cluster": it is one of two general ones and a sentence.
_BAD_REQUEST = {"InvalidRequestException", "ValidationException"}
_NOT_FOUND = re.compile(r"(cluster|step|job flow) id\b.*\bnot (valid|exist)", re.IGNORECASE)
_PROTECTED = re.compile(r"termination.protect", re.IGNORECASE)
_HAS_GROUPS = re.compile(r"instance groups?\b", re.IGNORECASE)

_STEPS_PER_CANCEL = 100  # from emr-7.14.0 and emr-spark-8.0.0; 256 before
_CLUSTERS_PER_TERMINATION = 10


class EmrBackend:
    """Clusters of one account and region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def launch(self, spec: LaunchSpec) -> str:
        """Ask for a cluster and return its id at once. See `Backend.launch`.

        Raises:
            BadInputError: EMR would refuse the request; nothing was sent.
            OutcomeUnknownError: the answer was lost.
        """
        request = to_run_job_flow(spec)
        _refuse_bad_request("RunJobFlow", request)
        doing = f"asking EMR for cluster {spec.name.name}"
        with aws_errors(doing, once=True):
            response = self._clients.emr_once.run_job_flow(**request)
        if not response.get("JobFlowId"):
            raise _no_ids_in_answer(doing)
        return response["JobFlowId"]

    def list_clusters(
        self, *, states: Sequence[ClusterState] = (), created_after: datetime | None = None
    ) -> list[ClusterSummary]:
        """Every cluster of the account in these states (all if empty), newest first."""
        filters: ListClustersInputPaginateTypeDef = {}
        if states:
            filters["ClusterStates"] = [state.value for state in states]
        if created_after is not None:
            filters["CreatedAfter"] = created_after
        with aws_errors("listing clusters"):
            pages = self._clients.emr.get_paginator("list_clusters").paginate(**filters)
            clusters = [from_cluster_summary(reply) for page in pages for reply in page["Clusters"]]
        return sorted(clusters, key=lambda cluster: cluster.created, reverse=True)

    def describe(self, cluster_id: str) -> Cluster:
        """What EMR knows of one cluster. Raises NotFoundError."""
        with emr_errors(f"describing {cluster_id}"):
            response = self._clients.emr.describe_cluster(ClusterId=cluster_id)
        return from_describe_cluster(response["Cluster"])

    def nodes(self, cluster_id: str) -> list[NodeCount]:
        """Capacity by role, as provisioned and as requested. Raises NotFoundError."""
        with emr_errors(f"listing the nodes of {cluster_id}"):
            try:
                return self._fleets(cluster_id)
            except ClientError as error:
                if not _says(error, _HAS_GROUPS):
                    raise
            return self._groups(cluster_id)

    def add_steps(self, cluster_id: str, steps: Sequence[StepSpec]) -> list[str]:
        """Append steps and return their ids, in order. See `Backend.add_steps`.

        Raises:
            BadInputError: EMR would refuse the request; nothing was sent.
            OutcomeUnknownError: the answer was lost.
        """
        request: AddJobFlowStepsInputTypeDef = {
            "JobFlowId": cluster_id,
            "Steps": [to_step_config(step) for step in steps],
        }
        _refuse_bad_request("AddJobFlowSteps", request)
        doing = f"adding a step to {cluster_id}"
        with emr_errors(doing, once=True):
            response = self._clients.emr_once.add_job_flow_steps(**request)
        if len(response.get("StepIds", [])) != len(steps):
            raise _no_ids_in_answer(doing)
        return response["StepIds"]

    def list_steps(
        self, cluster_id: str, *, states: Sequence[StepState] = (), most: int | None = None
    ) -> list[Step]:
        """Steps in these states (all if empty), newest first; see `Backend.list_steps`."""
        request: ListStepsInputPaginateTypeDef = {"ClusterId": cluster_id}
        if states:
            request["StepStates"] = [state.value for state in states]
        with emr_errors(f"listing the steps of {cluster_id}"):
            pages = self._clients.emr.get_paginator("list_steps").paginate(**request)
            replies = (reply for page in pages for reply in page["Steps"])
            return [from_step(reply) for reply in islice(replies, most)]

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        """Raises NotFoundError."""
        with emr_errors(f"describing step {step_id} of {cluster_id}"):
            response = self._clients.emr.describe_step(ClusterId=cluster_id, StepId=step_id)
        if not response.get("Step"):
            raise _not_found(f"No step {step_id} on {cluster_id}.")
        return from_step(response["Step"])

    def cancel_steps(self, cluster_id: str, step_ids: Sequence[str]) -> None:
        """Cancel pending and running steps; steps that are over are left alone.

        EMR answers a step that is over with a FAILED entry, not with an error.
        """
        for some in _chunks(step_ids, _STEPS_PER_CANCEL):
            with emr_errors(f"cancelling steps of {cluster_id}"):
                self._clients.emr.cancel_steps(ClusterId=cluster_id, StepIds=some)

    def terminate(self, cluster_ids: Sequence[str]) -> None:
        """End clusters. Idempotent: one that is already gone is a success.

        Neither a cluster that EMR refuses to end nor a call that it throttles to the last
        keeps the others alive; what went wrong first is raised after all were asked for.

        Raises:
            RefusedByPolicyError: a cluster is protected from termination.
            NotFoundError: EMR never had, or has forgotten, this cluster.
            NoAnswerError: nobody answers; the rest was not asked for.
        """
        failures = [
            failure
            for some in _chunks(cluster_ids, _CLUSTERS_PER_TERMINATION)
            for failure in self._terminate_chunk(some)
        ]
        if failures:
            raise failures[0]

    def resize(self, cluster_id: str, scaling: Scaling) -> None:
        """Set managed scaling's limits. See `Backend.resize`.

        Raises:
            BadInputError: EMR would refuse the request; nothing was sent.
            NotFoundError: there is no such cluster.
        """
        request: PutManagedScalingPolicyInputTypeDef = {
            "ClusterId": cluster_id,
            "ManagedScalingPolicy": to_managed_scaling_policy(scaling),
        }
        _refuse_bad_request("PutManagedScalingPolicy", request)
        with emr_errors(f"resizing {cluster_id}"):
            self._clients.emr.put_managed_scaling_policy(**request)

    def _terminate_chunk(self, cluster_ids: Sequence[str]) -> Iterator[SelfserveError]:
        """End up to ten clusters with one call, or one by one if EMR refuses the call."""
        try:
            with emr_errors(f"ending {', '.join(cluster_ids)}"):
                self._clients.emr.terminate_job_flows(JobFlowIds=cluster_ids)
        except NoAnswerError:
            raise  # after so many attempts, nobody would answer for the others either
        except (RefusedByPolicyError, NotFoundError) as refusal:
            if len(cluster_ids) == 1:
                yield refusal
                return
            for cluster_id in cluster_ids:
                yield from self._terminate_chunk([cluster_id])
        except AwsError as failure:
            yield failure

    def _fleets(self, cluster_id: str) -> list[NodeCount]:
        pages = self._clients.emr.get_paginator("list_instance_fleets")
        found = pages.paginate(ClusterId=cluster_id)
        return [from_instance_fleet(reply) for page in found for reply in page["InstanceFleets"]]

    def _groups(self, cluster_id: str) -> list[NodeCount]:
        pages = self._clients.emr.get_paginator("list_instance_groups")
        found = pages.paginate(ClusterId=cluster_id)
        return [from_instance_group(reply) for page in found for reply in page["InstanceGroups"]]


def _refuse_bad_request(operation: str, request: Mapping[str, object]) -> None:
    """Raise every problem at once, before a request that cannot be repeated is sent."""
    # Loaded here: EMR's service model and tables are only needed to change something.
    from selfserve.aws.emr_model import shape_problems  # noqa: PLC0415
    from selfserve.aws.emr_rules.rules import rule_problems  # noqa: PLC0415

    problems = shape_problems(operation, request) or rule_problems(operation, request)
    if problems:
        raise BadInputError(
            "EMR would refuse this request:\n" + "\n".join(f"  {text}" for text in problems),
            hint="Correct the profile; see where each value comes from with: selfserve plan",
        )


@contextmanager
def emr_errors(doing: str, *, once: bool = False) -> Iterator[None]:
    """Like `aws_errors`, and tells apart what EMR says in sentences only."""
    with aws_errors(doing, once=once):
        try:
            yield
        except ClientError as error:
            if _says(error, _NOT_FOUND):
                raise _not_found(f"Nothing found while {doing}: {error_message(error)}") from error
            if _says(error, _PROTECTED):
                raise RefusedByPolicyError(
                    f"Refused while {doing}: the cluster is protected from termination.",
                    hint="If it may end: aws emr modify-cluster-attributes "
                    "--no-termination-protected --cluster-id ID",
                ) from error
            raise


def _says(error: ClientError, pattern: re.Pattern[str]) -> bool:
    return error_code(error) in _BAD_REQUEST and bool(pattern.search(error_message(error)))


def _not_found(message: str) -> NotFoundError:
    return NotFoundError(message, hint="See what is there with: selfserve status")


def _no_ids_in_answer(doing: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"EMR's answer has no id while {doing}; it may have taken effect.",
        hint="See what is there with: selfserve status",
    )


def _chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
