"""The request of each shipped profile, as it is sent to EMR, stands in a golden file.

Changed on purpose? Write them anew, and read the diff:
SELFSERVE_UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/golden
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.validate import ParamValidator
from moto import mock_aws

from selfserve.aws.emr_model import service_model, shape_problems
from selfserve.aws.emr_rules.rules import rule_problems
from selfserve.aws.session import make_clients
from selfserve.backends.emr.backend import EmrBackend
from selfserve.backends.emr.translate import to_run_job_flow
from selfserve.core.document import Document, parse_document
from selfserve.core.launch import LaunchSpec
from selfserve.core.render import RenderValues, bootstrap_scripts, render
from selfserve.core.resolve import resolve

HERE = Path(__file__).parent
PROFILE_FOLDER = HERE.parents[1] / "cluster_profiles"
PROFILES = sorted(
    path.stem for path in PROFILE_FOLDER.glob("*.yaml") if not path.stem.startswith("_")
)
Json = dict[str, Any]  # a request, as JSON has it

every_profile = pytest.mark.parametrize("profile", PROFILES)


def golden_path(profile: str) -> Path:
    return HERE / f"run_job_flow_{profile}.json"


def read_golden(profile: str) -> Json:
    golden: Json = json.loads(golden_path(profile).read_text())
    return golden


def load(name: str) -> Document:
    path = PROFILE_FOLDER / f"{name}.yaml"
    return parse_document(path.read_text(), str(path))


def spec_of(profile: str) -> LaunchSpec:
    """The launch of `profile` with fixed values; scripts are named by name, not by content."""
    resolved = resolve(profile, load=load)
    scripts = bootstrap_scripts(resolved)
    values = RenderValues(
        user="ada",
        team="ranking",
        region="eu-west-1",
        account="123456789012",
        bucket="a-bucket",
        installation="main",
        profile=profile,
        name=profile,
        launch_id="l-0123456789",
        bootstrap={script: hashlib.sha256(script.encode()).hexdigest() for script in scripts},
        subnets=("subnet-0a1b2c3d", "subnet-4e5f6a7b"),
    )
    return render(resolved, values)


def fields_of(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every leaf of a request with its path, so that a difference names its field."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from fields_of(inner, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from fields_of(inner, f"{path}[{index}]")
    else:
        yield path.removeprefix("."), value


@every_profile
def test_the_golden_request_is_current(profile: str) -> None:
    text = json.dumps(to_run_job_flow(spec_of(profile)), indent=2) + "\n"
    if os.environ.get("SELFSERVE_UPDATE_GOLDEN"):
        golden_path(profile).write_text(text)

    assert golden_path(profile).read_text() == text


@every_profile
def test_emr_is_sent_exactly_the_golden_request(profile: str) -> None:
    sent: list[Json] = []
    with mock_aws():
        clients = make_clients("eu-west-1")
        clients.emr_once.meta.events.register(
            "provide-client-params.emr.RunJobFlow", lambda params, **_: sent.append(params)
        )

        EmrBackend(clients).launch(spec_of(profile))

    [request] = sent
    assert dict(fields_of(request)) == dict(fields_of(read_golden(profile)))


@every_profile
def test_botocore_takes_the_golden_request(profile: str) -> None:
    shape = service_model().shape_for("RunJobFlowInput")

    report = ParamValidator().validate(read_golden(profile), shape)

    assert report.generate_report() == ""


@every_profile
def test_emr_would_take_the_golden_request(profile: str) -> None:
    golden = read_golden(profile)

    assert shape_problems("RunJobFlow", golden) == []
    assert rule_problems("RunJobFlow", golden) == []


@every_profile
def test_the_golden_request_bounds_its_own_cost(profile: str) -> None:
    golden = read_golden(profile)

    assert golden["AutoTerminationPolicy"]["IdleTimeout"] >= 60
    assert golden["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
    assert golden["Instances"]["TerminationProtected"] is False
    limits = golden["ManagedScalingPolicy"]["ComputeLimits"]
    assert limits["MaximumCapacityUnits"] >= limits["MinimumCapacityUnits"] > 0
    assert golden["LogUri"].startswith("s3://a-bucket/")
    tags = {tag["Key"]: tag["Value"] for tag in golden["Tags"]}
    assert tags["for-use-with-amazon-emr-managed-policies"] == "true"
    assert tags["selfserve:max-age"]
    assert any(action["Name"] == "max-age" for action in golden["BootstrapActions"])


def test_every_golden_file_belongs_to_a_shipped_profile() -> None:
    assert sorted(HERE.glob("*.json")) == sorted(map(golden_path, PROFILES))
    assert PROFILES
