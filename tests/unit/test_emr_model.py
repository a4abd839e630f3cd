"""What EMR's service model forbids is found offline, with a path to the value."""

from typing import Any

import pytest

from selfserve.aws.emr_model import _compiled, service_model, shape_problems

GOOD: dict[str, Any] = {"Name": "etl", "Instances": {}}


def with_group(**group: Any) -> dict[str, Any]:
    return {**GOOD, "Instances": {"InstanceGroups": [group]}}


@pytest.mark.parametrize(
    ("operation", "request_body"),
    [
        pytest.param("RunJobFlow", GOOD, id="the-smallest-cluster"),
        pytest.param("RunJobFlow", {**GOOD, "Name": "n" * 256}, id="name-of-256-characters"),
        pytest.param("RunJobFlow", {**GOOD, "Name": "café 😀\t"}, id="name-beyond-the-bmp"),
        pytest.param("RunJobFlow", {**GOOD, "LogUri": "s3://b/😀/"}, id="uri-beyond-the-bmp"),
        pytest.param(
            "RunJobFlow",
            with_group(InstanceRole="CORE", InstanceType="m5.xlarge", InstanceCount=2),
            id="an-instance-group",
        ),
        pytest.param("ListClusters", {"CreatedAfter": 1789000000.5}, id="time-as-a-number"),
        pytest.param(
            "AddTags", {"ResourceId": "j-1", "Tags": [{"Key": "a|b", "Value": "<"}]}, id="tags"
        ),
    ],
)
def test_a_well_formed_request_has_no_problems(
    operation: str, request_body: dict[str, Any]
) -> None:
    assert shape_problems(operation, request_body) == []


@pytest.mark.parametrize(
    ("operation", "request_body", "problem"),
    [
        pytest.param("RunJobFlow", {"Instances": {}}, 'in input: "Name"', id="missing"),
        pytest.param("RunJobFlow", {**GOOD, "Nmae": "x"}, '"Nmae"', id="unknown-member"),
        pytest.param("RunJobFlow", {**GOOD, "Name": 7}, "parameter Name", id="wrong-type"),
        pytest.param(
            "RunJobFlow",
            {**GOOD, "Name": "n" * 257},
            "Name: longer than 256 characters",
            id="too-long",
        ),
        pytest.param(
            "RunJobFlow", {**GOOD, "Name": "a<b|`"}, "Name: must not contain < ` |", id="name"
        ),
        pytest.param("RunJobFlow", {**GOOD, "Name": "a\x07b"}, "Name: 'a\\x07b' has", id="bell"),
        pytest.param("RunJobFlow", {**GOOD, "Name": "\ud800"}, "Name: ", id="lone-surrogate"),
        pytest.param(
            "RunJobFlow",
            with_group(InstanceRole="WORKER", InstanceType="m5.xlarge", InstanceCount=2),
            "Instances.InstanceGroups[0].InstanceRole: 'WORKER' is not one of MASTER, CORE, TASK",
            id="enum",
        ),
        pytest.param(
            "RunJobFlow",
            with_group(InstanceRole="CORE", InstanceType="", InstanceCount=2),
            "Invalid length for parameter Instances.InstanceGroups[0].InstanceType",
            id="too-short",
        ),
        pytest.param(
            "RunJobFlow",
            with_group(InstanceRole="CORE", InstanceType="m5.xlarge", InstanceCount=True),
            "Instances.InstanceGroups[0].InstanceCount: a number is wanted, not true",
            id="boolean-for-a-number",
        ),
        pytest.param(
            "ListReleaseLabels", {"MaxResults": 101}, "MaxResults: 101 is more than 100", id="max"
        ),
        pytest.param(
            "RunJobFlow",
            {**GOOD, "StepExecutionRoleArn": "arn"},
            "StepExecutionRoleArn, value: 3, valid min length: 20",
            id="arn-too-short",
        ),
        pytest.param(
            "ListClusters",
            {"ClusterStates": ["WAITING", "ASLEEP"]},
            "ClusterStates[1]: 'ASLEEP' is not one of STARTING",
            id="enum-in-a-list",
        ),
    ],
)
def test_a_malformed_request_is_refused_by_name(
    operation: str, request_body: dict[str, Any], problem: str
) -> None:
    problems = shape_problems(operation, request_body)

    assert len(problems) == 1, problems
    assert problem in problems[0]


def test_all_problems_come_at_once() -> None:
    request = {"Name": "n" * 300 + "<", "LogUri": "\x01", "ScaleDownBehavior": "NEVER"}

    problems = shape_problems("RunJobFlow", request)

    assert len(problems) == 5, problems


def test_every_pattern_of_the_model_can_be_read() -> None:
    """A new botocore may bring a pattern that Python cannot read; then this says so."""
    model = service_model()
    patterns = {model.shape_for(name).metadata.get("pattern") for name in model.shape_names}

    compiled = [_compiled(pattern) for pattern in patterns - {None}]

    assert len(compiled) >= 3
