"""What `selfserve sweep --install` writes: a template that is right, code that is complete."""

import shlex
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.loaders import Loader
from cfnlint.api import lint
from cfnlint.decode import decode_str

from selfserve.errors import BadInputError
from selfserve.usecases.sweep_install import render_template, write_installation
from selfserve.usecases.sweeping.sweeper_code import sweeper_modules, sweeper_zip
from sweeper import (
    BUCKET,
    REGION,
    TEMPLATE,
    TEN_MINUTES,
    as_list,
    function_environment,
    statements,
)
from targets import make_target

REGIONS = ["us-east-1", "eu-west-1", "eu-central-1", "ap-southeast-2", "cn-north-1"]


def test_cloudformation_finds_nothing_to_complain_of_in_any_region() -> None:
    assert [str(problem) for problem in lint(TEMPLATE, regions=REGIONS)] == []


@pytest.mark.parametrize("role", ["SweeperRole", "ScheduleRole"])
def test_no_role_has_a_wildcard_for_an_action(role: str) -> None:
    actions = [action for one in statements(role) for action in as_list(one["Action"])]

    assert actions
    assert [action for action in actions if "*" in action] == []


def test_only_what_aws_knows_no_resource_for_is_allowed_on_all() -> None:
    for_all = [
        action
        for one in statements("SweeperRole")
        if "*" in as_list(one["Resource"])
        for action in as_list(one["Action"])
    ]

    assert for_all == ["elasticmapreduce:ListClusters", "cloudwatch:GetMetricData"]


def test_only_clusters_of_the_installation_can_be_ended() -> None:
    ends = [one for one in statements("SweeperRole") if "Terminate" in str(one["Action"])]

    assert [one["Condition"] for one in ends] == [
        {"StringEquals": {"elasticmapreduce:ResourceTag/selfserve:installation": "main"}}
    ]


def test_nothing_but_ending_changes_a_cluster() -> None:
    reading = ("Describe", "List", "Get")
    actions = [
        action.partition(":")[2]
        for one in statements("SweeperRole")
        for action in as_list(one["Action"])
        if action.startswith("elasticmapreduce:")
    ]

    assert [action for action in actions if not action.startswith(reading)] == ["TerminateJobFlows"]


def test_jobs_and_their_results_can_be_neither_read_nor_written() -> None:
    objects = [
        resource["Fn::Sub"].partition("/selfserve/")[2]
        for one in statements("SweeperRole")
        for resource in as_list(one["Resource"])
        if isinstance(resource, dict) and "selfserve/" in str(resource)
    ]

    memory = "sweep/${AWS::Region}/main.json"
    assert set(objects) == {"beats/*", "leases/*", "names/*", "runs/*/placement.json", memory}


def test_the_schedule_may_call_this_function_only() -> None:
    allowed = [one["Resource"] for one in statements("ScheduleRole")]

    assert allowed == [{"Fn::GetAtt": ["Sweeper", "Arn"]}]


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
    function = decode_str(written.template.read_text(encoding="utf-8"))[0]["Resources"]["Sweeper"]
    assert function["Properties"]["Code"] == {"S3Bucket": "memory", "S3Key": code}
    assert all(REGION in command.line for command in (*written.commands, *written.also))


def test_removing_it_leaves_neither_stack_nor_code(tmp_path: Path) -> None:
    written = write_installation(make_target(kind="aws"), tmp_path, every=TEN_MINUTES)

    stack, code = written.also[-2:]
    assert stack.line.startswith("aws cloudformation delete-stack")
    assert code.line.startswith("aws s3 rm s3://memory/selfserve/sweeper/ --recursive")


def test_an_update_keeps_no_earlier_code_as_only_settings_are_parameters() -> None:
    parameters = decode_str(TEMPLATE)[0]["Parameters"]

    assert set(parameters) == {"AlarmTopic", "BucketKey", "ReserveConcurrency"}


def test_a_sweep_that_takes_minutes_is_waited_for(tmp_path: Path) -> None:
    try_it = write_installation(make_target(kind="aws"), tmp_path, every=TEN_MINUTES).also[0]

    words = shlex.split(try_it.line)
    assert words[:3] == ["aws", "lambda", "invoke"]
    assert words[words.index("--cli-read-timeout") + 1] == "0"


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

    folder = Path(function_environment()["AWS_DATA_PATH"]).relative_to("/var/task")
    loader = Loader([str(tmp_path / "task" / folder)], include_default_search_paths=False)

    assert "ListSessions" in loader.load_service_model("emr", "service-2")["operations"]
