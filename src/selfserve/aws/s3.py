"""One S3 bucket as an ObjectStore: small objects, conditional writes, listings.

Talks to S3 or to the endpoint on this machine; the client decides which.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from selfserve.aws.errors import aws_errors, error_code
from selfserve.errors import AwsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef


_PIECE_BYTES = 1 << 20
_ABSENT = {"NoSuchKey", "404", "NotFound"}
_LOST_THE_RACE = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}


@contextmanager
def bucket_errors(bucket: str, doing: str) -> Iterator[None]:
    """Like `aws_errors`; for a bucket that is not there, with the command that makes it."""
    with aws_errors(doing):
        try:
            yield
        except ClientError as error:
            if error_code(error) == "NoSuchBucket":
                raise AwsError(
                    f"There is no bucket {bucket}.",
                    hint=f"Create it with: aws s3 mb s3://{bucket}",
                ) from error
            raise


class S3Store:
    """The objects of one bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False) -> bool:
        """Store an object; False when `only_if_absent` and the key already exists."""
        request: PutObjectRequestTypeDef = {"Bucket": self._bucket, "Key": key, "Body": body}
        if only_if_absent:
            request["IfNoneMatch"] = "*"
        return self._put(request, body) is not None

    def put_file(self, key: str, path: Path) -> None:
        """Store a file of any size, in parts and in parallel if it is large.

        Raises:
            OSError: the file cannot be read.
        """
        from boto3.s3.transfer import TransferConfig, create_transfer_manager  # noqa: PLC0415  slow

        with (
            self._errors(f"writing {self._uri(key)}"),
            create_transfer_manager(self._client, TransferConfig()) as transfers,
        ):
            transfers.upload(str(path), self._bucket, key).result()

    def get_file(self, key: str, path: Path) -> bool:
        """Write an object of any size to a file, a piece at a time; False when there is none.

        Raises:
            OSError: the file cannot be written.
        """
        with self._errors(f"reading {self._uri(key)}"):
            try:
                response = self._client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return False
                raise
            with closing(response["Body"]) as body, path.open("wb") as file:
                for piece in body.iter_chunks(_PIECE_BYTES):
                    file.write(piece)
            return True

    def swap(self, key: str, body: bytes, *, etag: str | None) -> str | None:
        """Store an object over the version `etag`, or with None where there is none yet.

        Returns the new version's ETag, or None when somebody else was faster. Content
        must not repeat: after a lost answer, its own is how a writer knows its write.
        """
        request: PutObjectRequestTypeDef = {"Bucket": self._bucket, "Key": key, "Body": body}
        if etag is None:
            request["IfNoneMatch"] = "*"
        else:
            request["IfMatch"] = etag
        return self._put(request, body)

    def get(self, key: str) -> bytes | None:
        """The object's content, or None when there is none."""
        found = self.get_with_etag(key)
        return None if found is None else found[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str] | None:
        """Content and ETag, or None when there is none."""
        with self._errors(f"reading {self._uri(key)}"):
            try:
                response = self._client.get_object(Bucket=self._bucket, Key=key)
                with response["Body"] as body:
                    return body.read(), response["ETag"]
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise

    def exists(self, key: str) -> bool:
        """Whether the key exists."""
        with aws_errors(f"looking for {self._uri(key)}"):
            try:
                self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return False
                raise
            return True

    def list_keys(self, prefix: str, *, after: str = "") -> list[str]:
        """Keys below `prefix` in lexical order, those after `after` only."""
        pages = self._client.get_paginator("list_objects_v2")
        with self._errors(f"listing {self._uri(prefix)}"):
            found = pages.paginate(Bucket=self._bucket, Prefix=prefix, StartAfter=after)
            return [item["Key"] for page in found for item in page.get("Contents", [])]

    def list_modified(self, prefix: str) -> dict[str, datetime]:
        """Keys below `prefix`, each with when it was last written, by S3's own clock."""
        pages = self._client.get_paginator("list_objects_v2")
        with self._errors(f"listing {self._uri(prefix)}"):
            found = pages.paginate(Bucket=self._bucket, Prefix=prefix)
            return {
                item["Key"]: item["LastModified"].astimezone(UTC)
                for page in found
                for item in page.get("Contents", [])
            }

    def list_folders(self, prefix: str, *, after: str = "") -> list[str]:
        """Folders right below `prefix` in lexical order, those after `after` only."""
        pages = self._client.get_paginator("list_objects_v2")
        with self._errors(f"listing {self._uri(prefix)}"):
            found = pages.paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/", StartAfter=after
            )
            folders = [item["Prefix"] for page in found for item in page.get("CommonPrefixes", [])]
        # S3 names the folder in which `after` lies, as more of its keys may follow.
        return [folder for folder in folders if folder > after]

    def delete(self, key: str) -> None:
        """Remove the object if it is there."""
        with self._errors(f"deleting {self._uri(key)}"):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def _put(self, request: "PutObjectRequestTypeDef", body: bytes) -> str | None:
        """The new ETag; None when the condition did not hold."""
        with self._errors(f"writing {self._uri(request['Key'])}"):
            try:
                return self._client.put_object(**request)["ETag"]
            except ClientError as error:
                if error_code(error) in _LOST_THE_RACE:
                    return self._ours_all_along(error, request["Key"], body)
                if "IfMatch" in request and error_code(error) in _ABSENT:
                    return None
                raise

    def _ours_all_along(self, error: ClientError, key: str, body: bytes) -> str | None:
        """The ETag of a retried write that lost only against its own first, unanswered attempt."""
        if not error.response["ResponseMetadata"].get("RetryAttempts", 0):
            return None
        found = self.get_with_etag(key)
        return found[1] if found is not None and found[0] == body else None

    def _errors(self, doing: str) -> AbstractContextManager[None]:
        return bucket_errors(self._bucket, doing)

    def _uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"
