"""The files below a prefix of S3, and pieces of them: what tables are made of."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from selfserve.aws.errors import error_code, error_message
from selfserve.aws.s3 import bucket_errors
from selfserve.errors import AwsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

_DENIED = {"AccessDenied", "403", "Forbidden"}


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an s3://, s3a:// or s3n:// URI."""
    bucket, _, key = uri.partition("://")[2].partition("/")
    return bucket, key


def list_objects(client: "S3Client", uri: str) -> Iterator[tuple[str, int, str]]:
    """URI, size and ETag of the objects right below a prefix, in the order of their names.

    Raises:
        AwsError: S3 refuses, or there is no such bucket.
    """
    bucket, key = split_uri(uri)
    prefix = f"{key.rstrip('/')}/" if key else ""
    pages = client.get_paginator("list_objects_v2")
    with _s3_errors(bucket, f"listing s3://{bucket}/{prefix}", "s3:ListBucket"):
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
            for found in page.get("Contents", ()):
                if not found["Key"].endswith("/"):
                    yield _described(bucket, found)


def read_range(client: "S3Client", uri: str, start: int, length: int) -> bytes:
    """So many bytes of an object.

    Raises:
        AwsError: S3 refuses, or it is gone.
    """
    bucket, key = split_uri(uri)
    with _s3_errors(bucket, f"reading s3://{bucket}/{key}", "s3:GetObject"):
        answer = client.get_object(
            Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}"
        )
        return answer["Body"].read()


@contextmanager
def _s3_errors(bucket: str, doing: str, right: str) -> Iterator[None]:
    """Like `bucket_errors`; who is not allowed is told which right that takes."""
    from botocore.exceptions import ClientError  # noqa: PLC0415  slow to load

    with bucket_errors(bucket, doing):
        try:
            yield
        except ClientError as error:
            if error_code(error) not in _DENIED:
                raise
            raise AwsError(
                f"Not allowed while {doing}: {error_message(error)}",
                hint=f"Ask your administrator for {right} there; where the files are encrypted "
                "with a key of KMS, for kms:Decrypt on it, too.",
            ) from error


def _described(bucket: str, found: "ObjectTypeDef") -> tuple[str, int, str]:
    return f"s3://{bucket}/{found['Key']}", found["Size"], found["ETag"]
