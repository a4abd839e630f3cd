"""A real boto3 client, with EMR's own waiters and paginators, against the served API."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.api_house import launch_request
from local.example_clusters import step_config
from local.fake_engine import FakeEngine
from local.served_api import no_s3, served
from selfserve.local.api.app import make_app
from selfserve.local.control.controller import Controller
from selfserve.local.control.store import Store

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

ACCESS_KEY, SECRET_KEY = "AKLOCAL", "the secret"
QUICKLY: Any = {"Delay": 0, "MaxAttempts": 1000}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The API, served on a free port of the loopback with a fake engine."""
    store = Store(tmp_path / "state.db")
    controller = Controller(store)
    controller.attach(FakeEngine(controller.notify))
    app = make_app(controller, keys={ACCESS_KEY: SECRET_KEY}, s3=no_s3)
    try:
        with served(app) as port:
            yield f"http://127.0.0.1:{port}"
    finally:
        controller.close()
        store.close()


def client(service: str, url: str, secret: str = SECRET_KEY) -> Any:
    session: Any = boto3.Session()  # any service, for which the stubs have no overload
    return session.client(
        service,
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def emr(url: str) -> Iterator["EMRClient"]:
    emr: EMRClient = client("emr", url)
    yield emr
    emr.close()


def test_a_cluster_lives_from_launch_to_termination(emr: "EMRClient") -> None:
    cluster_id = emr.run_job_flow(**launch_request())["JobFlowId"]
    emr.get_waiter("cluster_running").wait(ClusterId=cluster_id, WaiterConfig=QUICKLY)

    (step_id,) = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step_config()])["StepIds"]  # type: ignore[list-item]  # a plain dict
    emr.get_waiter("step_complete").wait(ClusterId=cluster_id, StepId=step_id, WaiterConfig=QUICKLY)
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    emr.get_waiter("cluster_terminated").wait(ClusterId=cluster_id, WaiterConfig=QUICKLY)

    cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    assert cluster["Status"]["State"] == "TERMINATED"
    timeline = cluster["Status"]["Timeline"]
    assert timeline["CreationDateTime"] <= timeline["ReadyDateTime"] <= timeline["EndDateTime"]


def test_clusters_launched_at_once_are_all_there(emr: "EMRClient") -> None:
    with ThreadPoolExecutor(8) as pool:
        launches = pool.map(lambda _: emr.run_job_flow(**launch_request()), range(60))
        ids = [launch["JobFlowId"] for launch in launches]

    pages = emr.get_paginator("list_clusters").paginate(ClusterStates=["WAITING"])

    listed = [summary["Id"] for page in pages for summary in page["Clusters"]]
    assert len(set(ids)) == 60
    assert sorted(listed) == sorted(ids)


def test_errors_have_emrs_names(emr: "EMRClient") -> None:
    with pytest.raises(emr.exceptions.InvalidRequestException) as unknown:
        emr.describe_cluster(ClusterId="j-NONE")
    with pytest.raises(ClientError) as invalid:
        emr.run_job_flow(**{**launch_request(), "ReleaseLabel": "emr-0.0.0"})

    assert unknown.value.response["Error"]["Message"] == "Cluster id 'j-NONE' is not valid."
    assert invalid.value.response["Error"]["Code"] == "ValidationException"


def test_the_account_is_the_local_one(url: str) -> None:
    sts = client("sts", url)

    assert sts.get_caller_identity()["Account"] == "000000000000"

    sts.close()


def test_another_secret_does_not_get_in(url: str) -> None:
    stranger = client("emr", url, secret="guess")

    with pytest.raises(ClientError) as refused:
        stranger.list_clusters()

    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"
    stranger.close()
