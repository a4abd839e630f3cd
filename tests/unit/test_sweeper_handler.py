"""The sweep as AWS Lambda runs it: its answers, its log, its role, its packages."""

import json
import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from moto import mock_aws
from moto.server import ThreadedMotoServer

from selfserve.core.naming import claim_key
from selfserve.errors import AwsError
from selfserve.sweeper.handler import handle
from selfserve.usecases.sweeping.sweeper_code import sweeper_zip
from sweeper import BUCKET, REGION, TEN_MINUTES, Account, allowed, function_environment


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name, value in function_environment().items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield Account()


def test_a_forgotten_cluster_is_warned_of_and_then_ended(
    account: Account, caplog: pytest.LogCaptureFixture
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


def test_a_dry_run_changes_nothing(account: Account) -> None:
    forgotten = account.cluster("forgotten", idle_for=timedelta(hours=3))
    handle({}, None)
    account.let_pass(TEN_MINUTES)

    answer = handle({"dry_run": True}, None)

    assert [one["verdict"] for one in answer["decisions"]] == ["end"]
    assert account.state(forgotten) == "WAITING"


def test_a_sweep_that_aws_refuses_fails_so_that_the_alarm_rings(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.cluster("forgotten", idle_for=timedelta(hours=3))
    monkeypatch.setenv("SELFSERVE_BUCKET", "no-such-bucket")

    with pytest.raises(AwsError):
        handle({}, None)


def test_the_role_allows_all_that_a_sweep_asks_of_aws(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = "r-20261121-084509-fe2632"
    of_run = account.cluster(run_id, idle_for=timedelta(hours=3))
    account.emr.add_job_flow_steps(JobFlowId=of_run, Steps=[_step(f"{run_id} train.py")])
    account.cluster("same", idle_for=timedelta(hours=3))
    account.cluster("same", idle_for=timedelta(hours=4), launch="l2")
    asked = _record(monkeypatch)

    handle({}, None)
    account.let_pass(TEN_MINUTES)
    handle({}, None)

    assert {"TerminateJobFlows", "HeadObject", "ListObjectsV2"} <= {one[0] for one in asked}
    assert {one for one in asked if not _is_allowed(*one)} == set()
    written = {key for operation, key in asked if operation == "PutObject"}
    assert claim_key(REGION, "main", "ada", "same") in written
    assert f"selfserve/runs/{run_id}/placement.json" in written


def _step(name: str) -> Any:
    return {
        "Name": name,
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar"},
    }


def _record(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Operations that are asked for from now on, each with its key or prefix in S3."""
    asked: set[tuple[str, str]] = set()
    ask: Any = BaseClient._make_api_call  # type: ignore[attr-defined]  # it has no types

    def make_api_call(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        asked.add((operation, parameters.get("Key", parameters.get("Prefix", ""))))
        return ask(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)
    return asked


def _is_allowed(operation: str, key: str) -> bool:
    bucket = f"arn:aws:s3:::{BUCKET}"
    if operation == "ListObjectsV2":
        return allowed("s3:ListBucket", bucket, prefix=key)
    if operation == "GetMetricData":
        return allowed("cloudwatch:GetMetricData", "*")
    if key:
        action = operation.replace("HeadObject", "GetObject")
        return allowed(f"s3:{action}", f"{bucket}/{key}")
    cluster = f"arn:aws:elasticmapreduce:{REGION}:123456789012:cluster/j-1"
    return allowed(f"elasticmapreduce:{operation}", cluster)


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
        forgotten = Account(endpoint_url=url).cluster("forgotten", idle_for=timedelta(hours=3))

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
        **function_environment(),
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
