"""What `selfserve sweep --install` writes: a template that is right, code that runs in Lambda."""

import json
import logging
import os
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from botocore.loaders import Loader
from cfnlint.api import lint
from cfnlint.decode import decode_str
from moto import mock_aws
from moto.emr.models import emr_backends
from moto.server import ThreadedMotoServer

from selfserve.core.beat import Beat, format_beat
from selfserve.core.idle import Engine
from selfserve.core.naming import SWEEP_MEMORY_KEY, TAG_IDLE, ClusterName, beat_key
from selfserve.errors import AwsError, BadInputError
from selfserve.sweeper.handler import handle
from selfserve.usecases.sweep_install import render_template, write_installation
from selfserve.usecases.sweeper_code import sweeper_modules, sweeper_zip
from targets import make_target

REGION: Literal["eu-west-1"] = "eu-west-1"
BUCKET = "team-bucket"
REGIONS = ["us-east-1", "eu-west-1", "eu-central-1", "ap-southeast-2", "cn-north-1"]
TEN_MINUTES = timedelta(minutes=10)
TEMPLATE = render_template(
    bucket=BUCKET, installation="main", code_key="selfserve/sweeper/x.zip", every=TEN_MINUTES
)


def _resources() -> dict[str, Any]:
    """The template as CloudFormation reads it, its functions as `Fn::…`."""
    template, problems = decode_str(TEMPLATE)
    assert problems == []
    return dict(template["Resources"])


def _statements(role: str) -> list[dict[str, Any]]:
    policies = _resources()[role]["Properties"]["Policies"]
    statements = [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]
    return [one["Fn::If"][1] if "Fn::If" in one else one for one in statements]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_cloudformation_finds_nothing_to_complain_of_in_any_region() -> None:
    assert [str(problem) for problem in lint(TEMPLATE, regions=REGIONS)] == []


@pytest.mark.parametrize("role", ["SweeperRole", "ScheduleRole"])
def test_no_role_has_a_wildcard_for_an_action(role: str) -> None:
    actions = [action for one in _statements(role) for action in _as_list(one["Action"])]

    assert actions
    assert [action for action in actions if "*" in action] == []


def test_only_what_aws_knows_no_resource_for_is_allowed_on_all() -> None:
    for_all = [
        action
        for one in _statements("SweeperRole")
        if "*" in _as_list(one["Resource"])
        for action in _as_list(one["Action"])
    ]

    assert for_all == ["elasticmapreduce:ListClusters", "cloudwatch:GetMetricData"]


def test_only_clusters_of_the_installation_can_be_ended() -> None:
    ends = [one for one in _statements("SweeperRole") if "Terminate" in str(one["Action"])]

    assert [one["Condition"] for one in ends] == [
        {"StringEquals": {"elasticmapreduce:ResourceTag/selfserve:installation": _INSTALLATION}}
    ]


_INSTALLATION = {"Ref": "Installation"}


def test_nothing_but_ending_changes_a_cluster() -> None:
    reading = ("Describe", "List", "Get")
    actions = [
        action.partition(":")[2]
        for one in _statements("SweeperRole")
        for action in _as_list(one["Action"])
        if action.startswith("elasticmapreduce:")
    ]

    assert [action for action in actions if not action.startswith(reading)] == ["TerminateJobFlows"]


def test_jobs_and_their_results_can_be_neither_read_nor_written() -> None:
    objects = [
        resource["Fn::Sub"].partition("/selfserve/")[2]
        for one in _statements("SweeperRole")
        for resource in _as_list(one["Resource"])
        if isinstance(resource, dict) and "selfserve/" in str(resource)
    ]

    allowed = {"beats/*", "leases/*", "names/*", "runs/*/placement.json", "sweep/memory.json"}
    assert set(objects) == allowed


def test_the_schedule_may_call_this_function_only() -> None:
    statements = _statements("ScheduleRole")

    assert [one["Resource"] for one in statements] == [{"Fn::GetAtt": ["Sweeper", "Arn"]}]


@pytest.mark.parametrize(
    ("minutes", "rate", "window_s"),
    [
        pytest.param(1, "rate(1 minute)", 1800, id="longer-than-a-sweep-can-take"),
        pytest.param(10, "rate(10 minutes)", 1800, id="ten"),
        pytest.param(60, "rate(60 minutes)", 10800, id="an-hour"),
    ],
)
def test_alarms_wait_for_three_sweeps(minutes: int, rate: str, window_s: int) -> None:
    every = timedelta(minutes=minutes)
    text = render_template(bucket=BUCKET, installation="main", code_key="x.zip", every=every)

    resources = decode_str(text)[0]["Resources"]

    assert resources["Schedule"]["Properties"]["ScheduleExpression"] == rate
    assert resources["SweepsFail"]["Properties"]["Period"] == window_s
    assert resources["SweepsAreMissing"]["Properties"]["Period"] == window_s


def test_the_commands_name_the_files_and_the_stack(tmp_path: Path) -> None:
    written = write_installation(make_target(kind="aws"), tmp_path / "sweep", every=TEN_MINUTES)

    upload, deploy = (shlex.split(command.line) for command in written.commands)
    code = f"selfserve/sweeper/{written.code.name}"
    assert upload[:5] == ["aws", "s3", "cp", str(written.code), f"s3://memory/{code}"]
    assert ["--template-file", str(written.template)] == deploy[7:9]
    assert f'Default: "{code}"' in written.template.read_text(encoding="utf-8")
    assert all(REGION in command.line for command in (*written.commands, *written.also))
    assert written.also[-1].line.startswith("aws cloudformation delete-stack")


def test_writing_it_again_writes_the_same(tmp_path: Path) -> None:
    target = make_target(kind="aws")

    first = write_installation(target, tmp_path / "a", every=TEN_MINUTES)
    second = write_installation(target, tmp_path / "b", every=TEN_MINUTES)

    assert first.code.read_bytes() == second.code.read_bytes()
    assert first.code.name == second.code.name
    assert first.template.read_bytes() == second.template.read_bytes()


def test_there_is_nothing_to_install_for_the_local_target(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="local target"):
        write_installation(make_target(), tmp_path, every=TEN_MINUTES)


@pytest.mark.parametrize("seconds", [30, 90, 7200])
def test_a_pace_that_cannot_be_installed_is_refused(tmp_path: Path, seconds: int) -> None:
    with pytest.raises(BadInputError, match="cannot be installed"):
        write_installation(make_target(kind="aws"), tmp_path, every=timedelta(seconds=seconds))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    with pytest.raises(BadInputError, match="Cannot write"):
        write_installation(make_target(kind="aws"), tmp_path / "file", every=TEN_MINUTES)


def test_the_code_is_the_sweep_and_neither_command_line_nor_local_target(tmp_path: Path) -> None:
    path = tmp_path / "code.zip"
    path.write_bytes(sweeper_zip())

    names = zipfile.ZipFile(path).namelist()
    assert names == sorted(names)
    assert "selfserve/usecases/sweep.py" in names
    assert len([name for name in names if name.endswith(".py")]) == len(sweeper_modules())
    assert [name for name in names if name.startswith(("selfserve/cli", "selfserve/local"))] == []


def test_the_code_brings_the_emr_api_that_lambda_may_not_know_yet(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(sweeper_zip())
    zipfile.ZipFile(tmp_path / "code.zip").extractall(tmp_path / "task")

    folder = Path(_environment()["AWS_DATA_PATH"]).relative_to("/var/task")
    loader = Loader([str(tmp_path / "task" / folder)], include_default_search_paths=False)

    assert "ListSessions" in loader.load_service_model("emr", "service-2")["operations"]


# --- the function, as Lambda calls it ---


class _Account:
    """A bucket and clusters at moto, and time that goes by where sweeps read it."""

    def __init__(self, **client: Any) -> None:
        self._client = client
        self.emr = boto3.client("emr", region_name=REGION, **client)
        self.s3 = boto3.client("s3", region_name=REGION, **client)
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def cluster(self, name: str, *, idle_for: timedelta, limit: str = "1h") -> str:
        """A cluster of ours that has been ready, and done nothing, for so long."""
        named = ClusterName("main", "spark-ml", "ada", name, f"launch-{name}")
        tags = {**named.tags(), TAG_IDLE: limit}
        cluster_id = str(
            self.emr.run_job_flow(
                Name=str(named),
                ReleaseLabel="emr-7.9.0",
                Applications=[{"Name": "Spark"}],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                Instances={"KeepJobFlowAliveWhenNoSteps": True},
            )["JobFlowId"]
        )
        regions = emr_backends["123456789012"].values()  # the server has but one, whatever we say
        cluster = next(one.clusters[cluster_id] for one in regions if cluster_id in one.clusters)
        since = datetime.now(UTC).replace(tzinfo=None) - idle_for
        cluster.creation_datetime = cluster.ready_datetime = since
        beat = Beat(at_work={Engine.YARN: 0})
        body = format_beat(beat, datetime.now(UTC))
        self.s3.put_object(Bucket=BUCKET, Key=beat_key(cluster_id), Body=body)
        return cluster_id

    def state(self, cluster_id: str) -> str:
        return str(self.emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["State"])

    def let_pass(self, duration: timedelta) -> None:
        """As if the last sweep had been so long ago."""
        found = self.s3.get_object(Bucket=BUCKET, Key=SWEEP_MEMORY_KEY)
        document = json.loads(found["Body"].read())
        for known in document["clusters"].values():
            for key in ("looked", "next_look", "warned"):
                if key in known:
                    earlier = datetime.fromisoformat(known[key]) - duration
                    known[key] = earlier.isoformat()
        self.s3.put_object(Bucket=BUCKET, Key=SWEEP_MEMORY_KEY, Body=json.dumps(document))


def _environment() -> dict[str, str]:
    """What the template sets, and what Lambda adds."""
    variables = _resources()["Sweeper"]["Properties"]["Environment"]["Variables"]
    parameters = {"Bucket": BUCKET, "Installation": "main"}
    given = {
        key: parameters[value["Ref"]] if isinstance(value, dict) else str(value)
        for key, value in variables.items()
    }
    return {**given, "AWS_REGION": REGION}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Account]:
    for name, value in _environment().items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield _Account()


def test_a_forgotten_cluster_is_warned_of_and_then_ended(
    account: _Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="selfserve")
    forgotten = account.cluster("forgotten", idle_for=timedelta(hours=3))
    fresh = account.cluster("fresh", idle_for=timedelta(minutes=5))

    first = handle({}, None)
    account.let_pass(TEN_MINUTES)
    second = handle({}, None)

    assert [(one["id"], one["verdict"]) for one in first["decisions"]] == [(forgotten, "warn")]
    assert [(one["id"], one["verdict"]) for one in second["decisions"]] == [(forgotten, "ended")]
    assert account.state(forgotten) == "TERMINATED"
    assert account.state(fresh) == "WAITING"
    assert json.loads(json.dumps(second)) == second
    told = [record.getMessage() for record in caplog.records if record.name == "selfserve"]
    assert [text for text in told if text.startswith(f"ended {forgotten} forgotten of ada: ")]
    assert [text for text in told if text.startswith(f"keep {fresh} fresh of ada: ")]


def test_a_dry_run_changes_nothing(account: _Account) -> None:
    forgotten = account.cluster("forgotten", idle_for=timedelta(hours=3))
    handle({}, None)
    account.let_pass(TEN_MINUTES)

    answer = handle({"dry_run": True}, None)

    assert [one["verdict"] for one in answer["decisions"]] == ["end"]
    assert account.state(forgotten) == "WAITING"


def test_a_sweep_that_aws_refuses_fails_so_that_the_alarm_rings(
    account: _Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.cluster("forgotten", idle_for=timedelta(hours=3))
    monkeypatch.setenv("SELFSERVE_BUCKET", "no-such-bucket")

    with pytest.raises(AwsError):
        handle({}, None)


_AS_LAMBDA = """\
import importlib.abc, json, sys

HAS = {"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "selfserve", "six", "urllib3"}


class OnlyWhatLambdaHas(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in HAS and top not in sys.stdlib_module_names and not top.startswith("_"):
            raise ImportError(f"{name} is not there")
        return None


sys.meta_path.insert(0, OnlyWhatLambdaHas())
from selfserve.sweeper.handler import handle
import selfserve

print(json.dumps({"answer": handle({}, None), "code": selfserve.__file__}))
"""


def test_the_packed_code_runs_where_nothing_but_botocore_is_installed(tmp_path: Path) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        forgotten = _Account(endpoint_url=url).cluster("forgotten", idle_for=timedelta(hours=3))

        done = _call_packed(tmp_path, url)
    finally:
        server.stop()

    assert [one["id"] for one in done["answer"]["decisions"]] == [forgotten]
    assert Path(done["code"]).is_relative_to(tmp_path), "the code of the zip, not this tree's"


def _call_packed(folder: Path, url: str) -> dict[str, Any]:
    path = folder / "code.zip"
    path.write_bytes(sweeper_zip())
    zipfile.ZipFile(path).extractall(folder / "task")
    keys = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    environment = {
        **_environment(),
        **keys,
        "AWS_ENDPOINT_URL": url,
        "AWS_CONFIG_FILE": os.devnull,
        "PYTHONPATH": str(folder / "task"),
    }
    done = subprocess.run(
        [sys.executable, "-c", _AS_LAMBDA],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
