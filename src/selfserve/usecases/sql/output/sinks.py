"""Where `--out` leads: a file of this machine, or an object in S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from selfserve.errors import BadInputError
from selfserve.usecases.sql.output.out_file import OutFile
from selfserve.usecases.sql.output.sink import Sink
from selfserve.usecases.targets.target import Targets

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_S3 = {"s3", "s3a", "s3n"}


@contextmanager
def open_sink(targets: Targets, on: str | None, out: str, *, force: bool) -> Iterator[Sink]:
    """A sink that is whole after the block, or not there.

    Raises:
        BadInputError: nothing can be written there.
        AwsError: S3 refuses.
    """
    scheme, is_address, rest = out.partition("://")
    if not is_address:
        with OutFile(Path(out), force=force) as sink:
            yield sink
        return
    if scheme.lower() not in _S3:
        raise BadInputError(
            f"Nothing can be written to {out}.",
            hint="Name a file, or an object in S3: --out s3://bucket/result.csv",
        )
    bucket, _, key = rest.partition("/")
    if not bucket or not key or key.endswith("/"):
        raise BadInputError(
            f"{out} names no object.", hint="Write bucket and key: --out s3://bucket/result.csv"
        )
    from selfserve.aws.s3_stream import S3Upload

    with S3Upload(_s3_client(targets, on), bucket, key, force=force) as upload:
        yield upload


def _s3_client(targets: Targets, on: str | None) -> "S3Client":
    place = targets.place(on)
    if place.is_local:
        from selfserve.local.daemon_client import ensure_running
        from selfserve.usecases.targets.local_clients import local_clients

        return local_clients(ensure_running()).s3
    from selfserve.aws.session import make_clients

    return make_clients(place.region).s3
