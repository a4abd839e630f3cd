"""What an object that is written as it comes promises, wherever S3 is."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa
import pytest
from pyarrow import parquet

from loopback import Answer, loopback
from places import LOCAL
from selfserve.aws.s3_stream import S3Upload
from selfserve.aws.session import Clients, make_clients
from selfserve.core.sql.answers import Column
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.errors import AwsError, BadInputError
from selfserve.local.endpoint import LocalEndpoint
from selfserve.usecases.sql.output.writing import write_rows
from selfserve.usecases.targets.local_clients import local_clients

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIB = 1024 * 1024
PART = 5 * MIB  # the least that S3 takes
BUCKET_GONE = Answer(404, b"<Error><Code>NoSuchBucket</Code><Message>gone</Message></Error>")
ABSENT = Answer(404, b"")
THERE = Answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")


class Bucket:
    """A bucket of its own, and what is in it."""

    def __init__(self, clients: Clients) -> None:
        self.name = f"upload-{uuid4().hex}"
        self.s3 = clients.s3
        self.s3.create_bucket(Bucket=self.name)

    def upload(self, *, force: bool = False) -> S3Upload:
        return S3Upload(self.s3, self.name, "a/b.csv", force=force, part_bytes=PART)

    def content(self) -> bytes | None:
        if not self.s3.list_objects_v2(Bucket=self.name).get("Contents"):
            return None
        return self.s3.get_object(Bucket=self.name, Key="a/b.csv")["Body"].read()

    def unfinished(self) -> int:
        try:
            return len(self.s3.list_multipart_uploads(Bucket=self.name).get("Uploads", []))
        except self.s3.exceptions.NoSuchUpload:  # rclone's word for: there are none
            return 0


@pytest.fixture
def moto_bucket(moto_clients: Clients) -> Bucket:
    assert moto_clients.region
    return Bucket(make_clients("us-east-1"))


@pytest.fixture
def local_bucket(endpoint: LocalEndpoint) -> Bucket:
    return Bucket(local_clients(endpoint))


@pytest.fixture(params=["moto", LOCAL])
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    found: Bucket = request.getfixturevalue(f"{request.param}_bucket")
    yield found
    assert found.unfinished() == 0


@pytest.mark.parametrize("size", [0, 10, PART, PART + 1, 4 * PART + 7])
def test_all_that_was_written_is_there(bucket: Bucket, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    with bucket.upload() as upload:
        for start in range(0, size, MIB):
            upload.write(content[start : min(start + MIB, size)])
        assert bucket.content() is None

    assert upload.tell() == size
    assert bucket.content() == content[:size]


@pytest.mark.parametrize("size", [10, 3 * PART])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_after_a_failure_nothing_is_there(
    bucket: Bucket, size: int, error: type[BaseException]
) -> None:
    def write_and_fail() -> None:
        with bucket.upload() as upload:
            upload.write(b"x" * size)
            raise error

    with pytest.raises(error):
        write_and_fail()

    assert bucket.content() is None


def test_what_is_there_is_kept_unless_forced(bucket: Bucket) -> None:
    bucket.s3.put_object(Bucket=bucket.name, Key="a/b.csv", Body=b"old")

    with pytest.raises(BadInputError, match="is there already") as raised, bucket.upload():
        pass
    assert "--force" in raised.value.hint
    with bucket.upload(force=True) as upload:
        upload.write(b"new")

    assert bucket.content() == b"new"


@pytest.mark.parametrize("size", [10, 2 * PART])
def test_what_appears_meanwhile_is_kept(bucket: Bucket, size: int) -> None:
    def write_while_another_does() -> None:
        with bucket.upload() as upload:
            upload.write(b"x" * size)
            bucket.s3.put_object(Bucket=bucket.name, Key="a/b.csv", Body=b"theirs")

    with pytest.raises(BadInputError, match="is there already"):
        write_while_another_does()

    assert bucket.content() == b"theirs"


def test_parquet_is_written_to_it_as_to_a_file(bucket: Bucket) -> None:
    with bucket.upload() as upload:
        write_rows([Column("a", "bigint")], [[(1,), (2,)]], ResultFormat.PARQUET, upload)

    table = parquet.read_table(pa.BufferReader(bucket.content() or b""))
    assert table.to_pydict() == {"a": [1, 2]}


def _client(url: str) -> "S3Client":
    return make_clients("us-east-1", endpoint_url=url, access_key="key", secret_key="secret").s3


def test_a_missing_bucket_says_how_to_make_it() -> None:
    def write() -> None:
        with S3Upload(_client(server.url), "a-bucket", "key", force=True) as upload:
            upload.write(b"x")

    with loopback(BUCKET_GONE) as server, pytest.raises(AwsError, match="no bucket") as raised:
        write()

    assert "aws s3 mb s3://a-bucket" in raised.value.hint


def test_a_write_whose_answer_was_lost_is_recognised_as_ours() -> None:
    with (
        loopback(ABSENT, Answer(lost=True), THERE, Answer(body=b"mine")) as server,
        S3Upload(_client(server.url), "a-bucket", "key") as upload,
    ):
        upload.write(b"mine")
        upload.close()

        assert [request.method for request in server.requests] == ["HEAD", "PUT", "PUT", "HEAD"]


def test_parts_that_cannot_be_removed_are_named() -> None:
    begun = Answer(
        body=b"<InitiateMultipartUploadResult><UploadId>u-1</UploadId></InitiateMultipartUploadResult>"
    )
    refused = Answer(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")

    def write() -> None:
        with S3Upload(_client(server.url), "a-bucket", "key", force=True, part_bytes=10) as upload:
            upload.write(b"x" * 10)

    with loopback(begun, refused) as server, pytest.raises(AwsError, match="cost money") as raised:
        write()

    assert "--upload-id u-1" in raised.value.hint
