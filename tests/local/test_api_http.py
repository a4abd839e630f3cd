"""The HTTP face of the local endpoint: routing, errors, and who is not let in."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.types import ASGIApp, Receive, Scope, Send

import selfserve
from local.api_house import launch_request
from local.fake_engine import FakeEngine
from selfserve.local.api.app import HEALTH_PATH, make_app
from selfserve.local.control.controller import Controller
from selfserve.local.control.records import ClusterRecord
from selfserve.local.control.store import Store, StoreError

URL = "http://127.0.0.1:4566"
KEY = Credentials("AKLOCAL", "the secret")


class S3:
    """A gateway that says what reached it."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            body = (await receive())["body"]
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"s3 got " + body})


class FailingStore(Store):
    """A store whose disk is full while `is_full`, and that has a bug while `is_broken`."""

    is_full = False
    is_broken = False

    def save(self, record: ClusterRecord) -> None:
        if self.is_full:
            raise StoreError("The disk is full.", hint="Make room.")
        if self.is_broken:
            raise KeyError("a bug")
        super().save(record)


class Face:
    """The app and what is behind it."""

    def __init__(self, store: FailingStore) -> None:
        self.store = store
        self.controller = Controller(store)
        self.controller.attach(FakeEngine(self.controller.notify))
        self.s3 = S3()
        self.app: ASGIApp = make_app(
            self.controller, keys={KEY.access_key: KEY.secret_key}, s3=self.s3
        )

    def send(
        self, method: str, url: str, *, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport) as client:
                return await client.request(method, url, content=body, headers=headers)

        return asyncio.run(exchange())

    def emr(self, operation: str, body: bytes = b"{}", **signing: Any) -> httpx.Response:
        headers = {
            "X-Amz-Target": f"ElasticMapReduce.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
        }
        return self.send("POST", f"{URL}/", body=body, headers=sign(body, headers, **signing))


def sign(
    body: bytes,
    headers: dict[str, str],
    *,
    service: str = "elasticmapreduce",
    key: Credentials = KEY,
    method: str = "POST",
    url: str = f"{URL}/",
) -> dict[str, str]:
    request = AWSRequest(method, url, data=body, headers=headers)
    SigV4Auth(key, service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


@pytest.fixture
def face(tmp_path: Path) -> Iterator[Face]:
    store = FailingStore(tmp_path / "state.db")
    face = Face(store)
    yield face
    face.controller.close()
    store.close()


def test_an_emr_request_is_answered_in_the_aws_json_protocol(face: Face) -> None:
    answer = face.emr("ListClusters")

    assert answer.status_code == 200
    assert answer.json() == {"Clusters": []}
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert len(answer.headers["x-amzn-requestid"]) == 36


def test_times_are_numbers(face: Face) -> None:
    face.emr("RunJobFlow", json.dumps(launch_request()).encode())

    timeline = face.emr("ListClusters").json()["Clusters"][0]["Status"]["Timeline"]

    assert isinstance(timeline["CreationDateTime"], float)


def test_null_is_as_good_as_nothing(face: Face) -> None:
    assert face.emr("ListClusters", b'{"Marker": null, "ClusterStates": null}').is_success


def test_health_needs_no_signature_and_tells_little(face: Face) -> None:
    answer = face.send("GET", URL + HEALTH_PATH)

    assert answer.json() == {"version": selfserve.__version__, "pid": os.getpid()}


def test_an_s3_request_reaches_the_gateway_untouched(face: Face) -> None:
    url = f"{URL}/bucket/a%20b/c%2Fd?list-type=2&prefix=x%2F"
    headers = sign(b"data", {}, service="s3", method="PUT", url=url)

    answer = face.send("PUT", url, body=b"data", headers=headers)

    scope = face.s3.scopes[0]
    assert answer.text == "s3 got data"
    assert scope["raw_path"] == b"/bucket/a%20b/c%2Fd"
    assert scope["query_string"] == b"list-type=2&prefix=x%2F"


def test_a_presigned_url_is_s3s(face: Face) -> None:
    request = AWSRequest("GET", f"{URL}/bucket/key")
    SigV4QueryAuth(KEY, "s3", "us-east-1").add_auth(request)

    assert face.send("GET", str(request.url)).text == "s3 got "


def test_an_object_may_be_named_like_the_health_check(face: Face) -> None:
    url = URL + HEALTH_PATH
    headers = sign(b"", {}, service="s3", method="GET", url=url)

    assert face.send("GET", url, headers=headers).text == "s3 got "


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Content-Type": "text/plain", "Origin": "http://evil.example"}, id="a-page"),
        pytest.param({"X-Amz-Target": "ElasticMapReduce.RunJobFlow"}, id="a-target-only"),
        pytest.param({"Authorization": "Basic dTpw"}, id="another-scheme"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PUT"])
def test_without_a_signature_nothing_is_answered(
    face: Face, method: str, headers: dict[str, str]
) -> None:
    answer = face.send(method, f"{URL}/bucket/key", headers=headers)

    assert answer.status_code == 403
    assert answer.json()["__type"] == "MissingAuthenticationTokenException"
    assert face.s3.scopes == []


@pytest.mark.parametrize("service", ["elasticmapreduce", "s3", "sts"])
def test_another_host_name_is_refused_even_with_a_signature(face: Face, service: str) -> None:
    url = "http://evil.example:4566/"
    headers = sign(b"", {}, service=service, url=url)

    answer = face.send("POST", url, headers=headers)

    assert answer.status_code == 403
    assert "evil.example" in answer.json()["message"]
    assert face.s3.scopes == []


def test_another_host_name_does_not_even_learn_the_health(face: Face) -> None:
    assert face.send("GET", "http://evil.example" + HEALTH_PATH).status_code == 403


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (Credentials("AKOTHER", "the secret"), "UnrecognizedClientException"),
        (Credentials("AKLOCAL", "guess"), "InvalidSignatureException"),
    ],
)
def test_another_key_is_refused(face: Face, key: Credentials, code: str) -> None:
    answer = face.emr("ListClusters", key=key)

    assert (answer.status_code, answer.json()["__type"]) == (400, code)


def test_an_operation_that_is_not_served_names_those_that_are(face: Face) -> None:
    answer = face.emr("CreateStudio")

    assert (answer.status_code, answer.json()["__type"]) == (400, "UnknownOperationException")
    assert "CreateStudio" in answer.json()["message"]
    assert "RunJobFlow" in answer.json()["message"]


def test_another_service_is_named(face: Face) -> None:
    answer = face.emr("ListUsers", service="iam")

    assert answer.status_code == 400
    assert "not iam" in answer.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="cut-off"),
        pytest.param(b"[]", id="a-list"),
        pytest.param(b"\xff", id="not-text"),
        pytest.param(b'{"CreatedAfter": NaN}', id="not-a-number"),
        pytest.param(b'{"CreatedAfter": 1e999}', id="more-than-a-number"),
        pytest.param(b'{"Marker": "\\ud800"}', id="half-a-character"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="a-deep-well"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(face: Face, body: bytes) -> None:
    answer = face.emr("ListClusters", body)

    assert (answer.status_code, answer.json()["__type"]) == (400, "SerializationException")


def test_a_body_that_is_too_large_is_refused(face: Face) -> None:
    answer = face.emr("ListClusters", b" " * (16 * 2**20 + 1))

    assert answer.status_code == 413


def test_all_problems_of_a_request_come_in_one_error(face: Face) -> None:
    body = json.dumps({"Name": "a|b", "Instances": {}, "ScaleDownBehavior": "NEVER"}).encode()

    answer = face.emr("RunJobFlow", body)

    assert (answer.status_code, answer.json()["__type"]) == (400, "ValidationException")
    assert "Name: must not contain |" in answer.json()["message"]
    assert "ScaleDownBehavior: 'NEVER' is not one of" in answer.json()["message"]


def test_an_unknown_cluster_is_an_error_as_emrs(face: Face) -> None:
    answer = face.emr("DescribeCluster", b'{"ClusterId":"j-NONE"}')

    assert answer.status_code == 400
    assert answer.json() == {
        "__type": "InvalidRequestException",
        "ErrorCode": "NoSuchCluster",
        "Message": "Cluster id 'j-NONE' is not valid.",
    }


def test_a_full_disk_is_told_and_nothing_is_launched(face: Face) -> None:
    face.store.is_full = True

    answer = face.emr("RunJobFlow", json.dumps(launch_request()).encode())

    assert (answer.status_code, answer.json()["__type"]) == (507, "LocalStoreException")
    assert answer.json()["message"] == "The disk is full. Make room."
    assert face.emr("ListClusters").json() == {"Clusters": []}


def test_a_bug_is_told_and_logged(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    face.store.is_broken = True

    answer = face.emr("RunJobFlow", json.dumps(launch_request()).encode())

    assert (answer.status_code, answer.json()["__type"]) == (500, "InternalServerException")
    assert answer.headers["x-amzn-requestid"] in caplog.text
    assert "KeyError" in caplog.text


def sts(face: Face, form: bytes, **signing: Any) -> httpx.Response:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    signed = sign(form, headers, service="sts", **signing)
    return face.send("POST", f"{URL}/", body=form, headers=signed)


def test_sts_tells_who_one_is(face: Face) -> None:
    answer = sts(face, b"Action=GetCallerIdentity&Version=2011-06-15")

    assert answer.status_code == 200
    assert "<Account>000000000000</Account>" in answer.text


def test_other_sts_actions_are_refused_in_xml(face: Face) -> None:
    answer = sts(face, b"Action=AssumeRole%3C")

    assert answer.status_code == 400
    assert "<Code>InvalidAction</Code>" in answer.text
    assert "AssumeRole&lt;" in answer.text


def test_sts_wants_the_key_too(face: Face) -> None:
    answer = sts(face, b"Action=GetCallerIdentity", key=Credentials("AKLOCAL", "guess"))

    assert "<Code>InvalidSignatureException</Code>" in answer.text
