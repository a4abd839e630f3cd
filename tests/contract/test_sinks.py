"""Where `--out` leads: files of this machine, and objects of the endpoint."""

from pathlib import Path
from uuid import uuid4

import pytest

from selfserve.aws.session import Clients
from selfserve.errors import AwsError, BadInputError, SelfserveError
from selfserve.local.endpoint import LocalEndpoint
from selfserve.usecases.sql.output.sinks import open_sink
from selfserve.usecases.targets.local_clients import local_clients
from targets import FakeTargets


@pytest.fixture
def clients(endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setenv("SELFSERVE_LOCAL_HOME", str(endpoint.home))
    return local_clients(endpoint)


@pytest.fixture
def bucket(clients: Clients) -> str:
    name = f"out-{uuid4().hex}"
    clients.s3.create_bucket(Bucket=name)
    return name


def write(out: str, body: bytes = b"rows", *, force: bool = False) -> None:
    with open_sink(FakeTargets(), None, out, force=force) as sink:
        sink.write(body)


def fail_within(out: str) -> None:
    with open_sink(FakeTargets(), None, out, force=False) as sink:
        sink.write(b"half")
        raise ZeroDivisionError


def keys_in(clients: Clients, bucket: str) -> list[str]:
    found = clients.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [one["Key"] for one in found]


def test_a_path_is_a_file(tmp_path: Path) -> None:
    write(str(tmp_path / "rows.csv"))

    assert (tmp_path / "rows.csv").read_bytes() == b"rows"


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n", "S3"])
def test_an_address_of_s3_is_an_object(clients: Clients, bucket: str, scheme: str) -> None:
    write(f"{scheme}://{bucket}/a/rows.csv")

    assert keys_in(clients, bucket) == ["a/rows.csv"]
    assert clients.s3.get_object(Bucket=bucket, Key="a/rows.csv")["Body"].read() == b"rows"


def test_an_object_is_not_replaced_unless_that_is_said(clients: Clients, bucket: str) -> None:
    out = f"s3://{bucket}/rows.csv"
    write(out, b"precious")

    with pytest.raises(BadInputError, match="there already") as raised:
        write(out)
    assert "--force" in raised.value.hint
    write(out, b"new", force=True)

    assert clients.s3.get_object(Bucket=bucket, Key="rows.csv")["Body"].read() == b"new"


def test_a_query_that_fails_leaves_no_object(clients: Clients, bucket: str) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_within(f"s3://{bucket}/rows.csv")

    assert keys_in(clients, bucket) == []


@pytest.mark.parametrize("out", ["s3://", "s3://bucket", "s3://bucket/", "s3:///key", "s3://b/a/"])
def test_an_address_without_a_key_is_refused(out: str) -> None:
    with pytest.raises(BadInputError, match="names no object") as raised:
        write(out)
    assert "s3://bucket/result.csv" in raised.value.hint


@pytest.mark.parametrize("out", ["gs://b/k.csv", "https://example.com/k.csv", "hdfs://n/k"])
def test_an_address_of_another_kind_is_refused_by_name(out: str) -> None:
    with pytest.raises(BadInputError, match=f"Nothing can be written to {out}") as raised:
        write(out)
    assert "s3://bucket/result.csv" in raised.value.hint


def test_a_bucket_that_is_not_there_is_named(clients: Clients) -> None:
    assert clients.region
    with pytest.raises(AwsError, match="There is no bucket no-such-bucket-here"):
        write("s3://no-such-bucket-here/rows.csv")


def test_what_cannot_be_the_name_of_a_bucket_is_said_to_be_wrong(clients: Clients) -> None:
    assert clients.region
    with pytest.raises(SelfserveError) as raised:
        write("s3://No Bucket!/rows.csv")

    assert raised.value.exit_code == 2
    assert "No Bucket!" in str(raised.value)


def test_a_path_with_a_colon_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    write("rows:today.csv")

    assert (tmp_path / "rows:today.csv").read_bytes() == b"rows"
