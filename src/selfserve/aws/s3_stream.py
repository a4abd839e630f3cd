"""An object in S3 that is written as its content comes, in parts, some of them at once.

It is there as a whole after the `with` block, or not at all: a failure or Ctrl-C removes
the parts. What fits into one part is one request.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

from selfserve.aws.errors import error_code
from selfserve.aws.s3 import bucket_errors
from selfserve.errors import AwsError, BadInputError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        CompletedPartTypeDef,
        CompleteMultipartUploadRequestTypeDef,
        PutObjectRequestTypeDef,
    )

_MIB = 1024 * 1024
_SMALLEST_PART = 8 * _MIB
_LARGEST_PART = 64 * _MIB
_PARTS_OF_A_SIZE = 1_000
_MOST_PARTS = 10_000  # of S3; with these sizes about 500 GB
_AT_ONCE = 3  # parts under way; with the one that fills up, four are in memory
_ABSENT = {"NoSuchKey", "404", "NotFound"}
_UNKNOWN = {"403", "AccessDenied"}  # whoever may not list is not told that nothing is there
_THERE_ALREADY = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}


class S3Upload:
    """An object that is being written; a file to pyarrow and to `usecases.sql.output.sink`."""

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        key: str,
        *,
        force: bool = False,
        part_bytes: int = _SMALLEST_PART,
    ) -> None:
        self._client = client
        self._bucket, self._key = bucket, key
        self._force = force
        self._part_bytes = part_bytes
        self._waiting = bytearray()
        self._upload_id: str | None = None
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="s3-part")
        self._under_way: deque[Future[CompletedPartTypeDef]] = deque()
        self._parts: list[CompletedPartTypeDef] = []
        self._written = 0
        self.closed = False

    def __enter__(self) -> Self:
        """Raises BadInputError if the object is there already and `force` was not given."""
        if not self._force and self._find() is not None:
            raise self._is_there()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, data: bytes, /) -> int:
        """Take `data`; waits while too many parts are under way. Raises AwsError."""
        if self.closed:
            raise ValueError("write to an upload that is closed")
        self._waiting += data
        self._written += len(data)
        size = self._size_of_next_part()
        while len(self._waiting) >= size:
            self._send(bytes(memoryview(self._waiting)[:size]))
            del self._waiting[:size]
            size = self._size_of_next_part()
        return len(data)

    def flush(self) -> None:
        """Nothing: S3 takes whole parts, and shows them when all are there."""

    def tell(self) -> int:
        """How many bytes were written."""
        return self._written

    def close(self) -> None:
        """Make the object; what was written before is in S3 after this. Raises AwsError."""
        if self.closed:
            return
        try:
            self._finish()
        except BaseException:
            self.abort()
            raise
        self.closed = True
        self._threads.shutdown()

    def abort(self) -> None:
        """Leave nothing in S3. Raises AwsError if S3 could not be told so."""
        if self.closed:
            return
        self.closed = True
        self._threads.shutdown(cancel_futures=True)  # a part that arrives after the end would stay
        if self._upload_id is None:
            return
        try:
            with bucket_errors(self._bucket, f"removing the parts of {self._uri}"):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._key, UploadId=self._upload_id
                )
        except AwsError as error:
            raise AwsError(
                f"Parts of {self._uri} could not be removed; they cost money: {error}",
                hint="Remove them with: aws s3api abort-multipart-upload "
                f"--bucket {self._bucket} --key {self._key} --upload-id {self._upload_id}",
            ) from error

    def _size_of_next_part(self) -> int:
        steps = (len(self._parts) + len(self._under_way)) // _PARTS_OF_A_SIZE
        return min(self._part_bytes << min(steps, 8), max(_LARGEST_PART, self._part_bytes))

    def _send(self, data: bytes) -> None:
        number = len(self._parts) + len(self._under_way) + 1
        if number > _MOST_PARTS:
            raise BadInputError(
                f"The result is larger than one object of S3 can take from here: {self._uri}.",
                hint="Write a table instead, with: create table … as select …",
            )
        if self._upload_id is None:
            with bucket_errors(self._bucket, f"writing {self._uri}"):
                begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._key)
            self._upload_id = begun["UploadId"]
        while len(self._under_way) >= _AT_ONCE:
            self._take_finished_part()
        self._under_way.append(self._threads.submit(self._send_part, number, data))

    def _send_part(self, number: int, data: bytes) -> "CompletedPartTypeDef":
        with bucket_errors(self._bucket, f"writing part {number} of {self._uri}"):
            sent = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id or "",
                PartNumber=number,
                Body=data,
            )
        return {"PartNumber": number, "ETag": sent["ETag"]}

    def _take_finished_part(self) -> None:
        self._parts.append(self._under_way[0].result())
        self._under_way.popleft()

    def _finish(self) -> None:
        if self._upload_id is None:
            self._make(self._put_whole)
            return
        if self._waiting:
            self._send(bytes(self._waiting))
        while self._under_way:
            self._take_finished_part()
        self._make(self._complete)

    def _put_whole(self) -> None:
        request: PutObjectRequestTypeDef = {"Bucket": self._bucket, "Key": self._key}
        request["Body"] = bytes(self._waiting)
        if not self._force:
            request["IfNoneMatch"] = "*"
        self._client.put_object(**request)

    def _complete(self) -> None:
        request: CompleteMultipartUploadRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": self._key,
            "UploadId": self._upload_id or "",
            "MultipartUpload": {"Parts": self._parts},
        }
        if not self._force:
            request["IfNoneMatch"] = "*"
        self._client.complete_multipart_upload(**request)

    def _make(self, request: Callable[[], None]) -> None:
        with bucket_errors(self._bucket, f"writing {self._uri}"):
            try:
                request()
            except ClientError as error:
                if self._succeeded_before(error):
                    return
                if error_code(error) in _THERE_ALREADY:
                    raise self._is_there() from error
                raise

    def _succeeded_before(self, error: ClientError) -> bool:
        """Whether only the answer to a first attempt was lost, and the object is ours."""
        if not error.response["ResponseMetadata"].get("RetryAttempts", 0):
            return False
        found = self._find()
        if found is None or found[0] != self._written:
            return False
        return found[1].strip('"').endswith(f"-{len(self._parts)}") or not self._parts

    def _find(self) -> tuple[int, str] | None:
        """Size and ETag of the object that is there."""
        with bucket_errors(self._bucket, f"looking for {self._uri}"):
            try:
                found = self._client.head_object(Bucket=self._bucket, Key=self._key)
            except ClientError as error:
                if error_code(error) in _ABSENT | _UNKNOWN:
                    return None
                raise
        return found["ContentLength"], found["ETag"]

    def _is_there(self) -> BadInputError:
        return BadInputError(
            f"{self._uri} is there already.",
            hint="Choose another name, or overwrite it with: --force",
        )

    @property
    def _uri(self) -> str:
        return f"s3://{self._bucket}/{self._key}"
