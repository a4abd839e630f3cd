"""The files below a prefix of S3, and pieces of them: what tables are made of."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfserve.aws.s3 import bucket_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef


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
    with bucket_errors(bucket, f"listing s3://{bucket}/{prefix}"):
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
    with bucket_errors(bucket, f"reading {uri}"):
        answer = client.get_object(
            Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}"
        )
        return answer["Body"].read()


def _described(bucket: str, found: "ObjectTypeDef") -> tuple[str, int, str]:
    return f"s3://{bucket}/{found['Key']}", found["Size"], found["ETag"]
