"""`--on aws` sends Amazon EMR exactly the request that the local endpoint has accepted."""

import re
from typing import Any

import boto3
import botocore.handlers
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from selfserve.cli.app import app
from selfserve.local.endpoint import BUCKET, REGION
from selfserve.local.home import Home

pytestmark = pytest.mark.spark  # the accepted cluster begins to start before it is ended

Request = dict[str, Any]  # as boto3 is given it


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Every RunJobFlow that any boto3 client of this process is asked for."""
    requests: list[Request] = []

    def remember(params: Request, **_: object) -> None:
        requests.append(dict(params))

    handler = ("provide-client-params.emr.RunJobFlow", remember)
    handlers = [*botocore.handlers.BUILTIN_HANDLERS, handler]
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", handlers)
    return requests


def up(profile: str, on: str) -> None:
    done = CliRunner().invoke(app, ["up", profile, "-d", "--on", on])
    assert done.exit_code == 0, done.stderr


def without_launch_id(request: Request) -> str:
    launch_id = request["Name"].rsplit("/", 1)[1]
    return re.sub(re.escape(launch_id), "LAUNCH", repr(request))


@pytest.mark.parametrize("profile", ["adhoc-presto", "hive-batch", "spark-ml"])
def test_both_targets_get_the_same_request(
    profile: str, sent: list[Request], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSERVE_LOCAL_HOME", str(home.root))
    monkeypatch.setenv("SELFSERVE_BUCKET", BUCKET)
    monkeypatch.setenv("AWS_REGION", REGION)

    up(profile, "local")
    with mock_aws():
        boto3.client("s3", region_name=REGION).create_bucket(Bucket=BUCKET)
        up(profile, "aws")

    local, aws = sent
    assert without_launch_id(aws) == without_launch_id(local)
    assert aws["Name"] != local["Name"]
