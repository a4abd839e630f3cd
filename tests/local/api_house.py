"""The local EMR API without its HTTP face: a controller, a fake engine and a clock to set.

Every answer is checked against the output shape of botocore's model of EMR: only
its members, of its types and enums.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.parsers import create_parser
from botocore.validate import ParamValidator

from local.example_clusters import NOON, request
from local.fake_engine import FakeEngine
from selfserve.aws.emr_model import _constraint_problems, service_model
from selfserve.local.api.errors import ApiError
from selfserve.local.api.operations.desk import Desk
from selfserve.local.api.operations.perform import perform
from selfserve.local.control.controller import Controller
from selfserve.local.control.store import Store


class Clock:
    """Tells the time that the test sets."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, **units: float) -> None:
        self.time += timedelta(**units)


class ApiHouse:
    """Ask EMR operations of it as a client would, and steer what is behind them."""

    def __init__(self, store: Store, **engine: Any) -> None:
        self.clock = Clock()
        self.controller = Controller(store, now=self.clock)
        self.engine = FakeEngine(self.controller.notify, **engine)
        self.controller.attach(self.engine)
        self.desk = Desk(self.controller, self.clock)

    def ask(self, operation: str, **members: Any) -> Any:
        """Perform an operation and parse its answer as botocore does."""
        sent = json.loads(json.dumps(members))
        body = json.loads(json.dumps(perform(self.desk, operation, sent), allow_nan=False))
        assert output_problems(operation, body) == []
        return parse(operation, body)

    def launch(self, *steps: dict[str, Any], **more: Any) -> str:
        """Run a job flow of fleets and return its id."""
        members = launch_request(*steps, **more)
        return str(self.ask("RunJobFlow", **members)["JobFlowId"])

    def refused(self, operation: str, **members: Any) -> str:
        """Perform an operation that is refused; return the code and the message."""
        with pytest.raises(ApiError) as refusal:
            self.ask(operation, **members)
        return f"{refusal.value.code}: {refusal.value.message}"


def launch_request(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    roles = {"ServiceRole": "EMR_DefaultRole_V2", "JobFlowRole": "EMR_EC2_DefaultRole"}
    return request(*steps, **{**roles, **more})


def group_instances(**more: Any) -> dict[str, Any]:
    """RunJobFlow's Instances with a primary, two core and one spot task instance in groups."""
    groups = [("MASTER", 1, "ON_DEMAND"), ("CORE", 2, "ON_DEMAND"), ("TASK", 1, "SPOT")]
    return {
        "KeepJobFlowAliveWhenNoSteps": True,
        "InstanceGroups": [
            {
                "InstanceRole": role,
                "InstanceCount": count,
                "Market": market,
                "InstanceType": "m5.xlarge",
                "Name": f"the {role}",
            }
            for role, count, market in groups
        ],
        **more,
    }


def parse(operation: str, body: Any) -> Any:
    """The answer as boto3 would give it."""
    shape = service_model().operation_model(operation).output_shape
    if shape is None:
        return {}
    response = {"body": json.dumps(body).encode(), "headers": {}, "status_code": 200}
    parsed = create_parser("json").parse(response, shape)
    parsed.pop("ResponseMetadata")
    return parsed


def output_problems(operation: str, body: Any) -> list[str]:
    """Members, types and enums of an answer that EMR's model does not have."""
    shape = service_model().operation_model(operation).output_shape
    if shape is None:
        return [f"{operation} has no output, but got {body}"] if body else []
    report = ParamValidator().validate(body, shape)
    found = report.generate_report().splitlines() if report.has_errors() else []
    return [*found, *_constraint_problems(body, shape, "")]


def marker_of(*parts: Any) -> str:
    """A marker that the API never gave out."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@contextmanager
def api_house(path: Path, **engine: Any) -> Iterator[ApiHouse]:
    """An ApiHouse that keeps its clusters in the file `path`."""
    store = Store(path)
    house = ApiHouse(store, **engine)
    try:
        yield house
    finally:
        house.controller.close()
        store.close()
