"""The local endpoint's API against moto's server: DescribeCluster, and 500 clusters listed.

Both serve the same boto3 client on the loopback, in processes of their own. The
clusters of ours are records of a store that has them already, all terminated, so
that no Spark starts: what is measured is the API.
"""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from benchmarks.side_by_side import compare
from selfserve.core.cluster import ClusterState
from selfserve.local import daemon_client
from selfserve.local.control.creation import new_cluster
from selfserve.local.control.store import Store
from selfserve.local.home import Home

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

CLUSTERS = 500
_CALLS = 200
_REQUEST: dict[str, Any] = {
    "ReleaseLabel": "emr-7.13.0",
    "Applications": [{"Name": "Spark"}],
    "Instances": {
        "InstanceGroups": [
            {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
            {"InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 2},
        ],
        "KeepJobFlowAliveWhenNoSteps": True,
    },
    "ServiceRole": "EMR_DefaultRole_V2",
    "JobFlowRole": "EMR_EC2_DefaultRole",
}


def main() -> None:
    """Print the ratio of time per call, and check a listing of 500."""
    print(f"API: DescribeCluster x {_CALLS}, and {CLUSTERS} clusters listed")
    with tempfile.TemporaryDirectory() as folder, _ours(Path(folder)) as ours, _moto() as theirs:
        for _ in range(CLUSTERS):
            theirs.run_job_flow(Name="one of many", **_REQUEST)
        _describe_all(ours)
        pair = compare(_describer(ours), _describer(theirs), rounds=7)
        pair.report("selfserve.local, DescribeCluster", "moto server, DescribeCluster", aim=1.0)
        pair = compare(lambda: _ids(ours), lambda: _ids(theirs), rounds=5)
        pair.report(f"selfserve.local, list {CLUSTERS}", f"moto server, list {CLUSTERS}", aim=1.0)


def _describer(emr: "EMRClient") -> Callable[[], None]:
    some_id = emr.list_clusters()["Clusters"][0]["Id"]

    def describe_many() -> None:
        for _ in range(_CALLS):
            emr.describe_cluster(ClusterId=some_id)

    return describe_many


def _ids(emr: "EMRClient") -> list[str]:
    pages = emr.get_paginator("list_clusters").paginate()
    return [cluster["Id"] for page in pages for cluster in page["Clusters"]]


def _describe_all(emr: "EMRClient") -> None:
    pages = list(emr.get_paginator("list_clusters").paginate())
    ids = _ids(emr)
    assert len(set(ids)) == len(ids) == CLUSTERS, f"{len(set(ids))} of {CLUSTERS} listed"
    assert [len(page["Clusters"]) for page in pages] == [50] * (CLUSTERS // 50)
    for cluster_id in ids:
        assert emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Id"] == cluster_id
    print(f"  {CLUSTERS} clusters in {len(pages)} pages, each described by its own id: correct")


@contextlib.contextmanager
def _ours(folder: Path) -> Iterator["EMRClient"]:
    home = Home(folder / "home")
    home.make()
    _fill(home)
    endpoint = daemon_client.ensure_running(home)
    try:
        yield boto3.client(
            "emr",
            endpoint_url=endpoint.url,
            region_name="us-east-1",
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=endpoint.secret_key,
        )
    finally:
        daemon_client.stop(home)


def _fill(home: Home) -> None:
    store = Store(home.state)
    began = datetime.now(UTC) - timedelta(days=1)
    for number in range(CLUSTERS):
        at = began + timedelta(seconds=number)
        cluster = new_cluster({"Name": f"one of many, {number}", **_REQUEST}, now=at)
        store.save(replace(cluster, state=ClusterState.TERMINATED, ended=at))
    store.close()


@contextlib.contextmanager
def _moto() -> Iterator["EMRClient"]:
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url)
        yield boto3.client(
            "emr",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106  moto takes any
        )
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()  # noqa: S310  loopback
            return
        time.sleep(0.1)
    raise TimeoutError(f"moto's server did not answer at {url}")


if __name__ == "__main__":
    main()
