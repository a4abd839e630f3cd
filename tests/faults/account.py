"""An AWS account on this machine, in a time of its own, behind a proxy that can fail.

Its EMR is the local target's without Spark: real states, real refusals, steps that run
until the test lets them end. It never ends a cluster for being idle, as EMR does not
while HDFS is in use: what is left over stays. Its S3 and the rest are moto's server.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from fakes import FakeClock
from faults.proxy import FaultProxy, fault_proxy
from local.fake_engine import HOLD, FakeEngine
from local.served_api import no_s3, served
from selfserve.core.beat import Beat, format_beat
from selfserve.core.cluster import LIVE_STATES
from selfserve.core.idle import Engine
from selfserve.core.naming import beat_key
from selfserve.local.api.app import make_app
from selfserve.local.control.controller import Controller
from selfserve.local.control.records import ClusterRecord
from selfserve.local.control.store import Store

REGION = "us-east-1"
KEYS = {"testing": "testing"}  # those that tests/conftest.py puts into the environment


@dataclass(frozen=True)
class Account:
    """What there is, whatever clients believe."""

    clock: FakeClock
    proxy: FaultProxy
    bucket: str
    engine: FakeEngine
    controller: Controller
    s3: Any  # moto's, without the proxy; the stubs have no overload for an unknown service

    def environment(self, folder: Path, *, user: str = "ada") -> dict[str, str]:
        """The variables of a client of this account, with its own files below `folder`."""
        return {
            "AWS_ENDPOINT_URL": self.proxy.url,
            "AWS_REGION": REGION,
            "SELFSERVE_ON": "aws",
            "SELFSERVE_BUCKET": self.bucket,
            "SELFSERVE_USER": user,
            "SELFSERVE_CACHE": str(folder / "cache"),
            "SELFSERVE_CONFIG": str(folder / "config.yaml"),
        }

    def live(self) -> list[ClusterRecord]:
        """The clusters that are paid for."""
        return [cluster for cluster in self.controller.all() if cluster.state in LIVE_STATES]

    def beat(self, cluster: ClusterRecord) -> None:
        """The probe on the cluster tells what it sees."""
        at_work = sum(not step.state.is_over for step in cluster.steps)
        body = format_beat(Beat({Engine.YARN: at_work}), self.clock.now())
        self.s3.put_object(Bucket=self.bucket, Key=beat_key(cluster.id), Body=body)

    def empty(self, *prefixes: str) -> None:
        """Remove all objects below these."""
        for prefix in prefixes:
            for found in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)["Contents"]:
                self.s3.delete_object(Bucket=self.bucket, Key=found["Key"])

    def get(self, key: str) -> Any:
        """What the JSON object says; None if there is none."""
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return json.loads(found["Body"].read())


@contextmanager
def account(folder: Path, *, clock: FakeClock, moto_port: int, bucket: str) -> Iterator[Account]:
    """An account of one's own, with one bucket, until the block ends."""
    store = Store(folder / "state.db")
    controller = Controller(store, now=clock.now)
    engine = FakeEngine(controller.notify, exit_code=HOLD)
    controller.attach(engine)
    s3: Any = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{moto_port}", region_name=REGION)
    s3.create_bucket(Bucket=bucket)
    app = make_app(controller, keys=KEYS, s3=no_s3, now=clock.now)
    try:
        with (
            served(app) as emr_port,
            fault_proxy(emr_port=emr_port, other_port=moto_port, now=clock.now) as proxy,
        ):
            yield Account(clock, proxy, bucket, engine, controller, s3)
    finally:
        s3.close()
        controller.close()
        store.close()
