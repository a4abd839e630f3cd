"""The logs of a cluster that EMR copies to S3, below `<LogUri>/<cluster id>/`.

They can be read where that is in the target's own bucket.
"""

import gzip
import io
import zlib

from selfserve.core.cluster import Cluster
from selfserve.core.naming import S3_PREFIX
from selfserve.usecases.targets.target import Target

_USUAL_LOGS = f"{S3_PREFIX}emr-logs/"
_PIECE = 64 * 1024


class EmrLogs:
    """The logs of one cluster; `cluster` is None when EMR has forgotten it."""

    def __init__(self, target: Target, cluster_id: str, cluster: Cluster | None) -> None:
        self._store = target.store
        # Of a forgotten cluster: profiles usually log to the same place.
        log_uri = cluster.log_uri if cluster else f"s3://{target.bucket}/{_USUAL_LOGS}"
        bucket, _, prefix = (log_uri or "").partition("://")[2].partition("/")
        self._folder = f"{prefix.rstrip('/')}/{cluster_id}/".lstrip("/")
        self.uri = log_uri
        """Where the profile wants them; None if nowhere."""
        self.is_readable = bucket == target.bucket

    def uri_of(self, name: str) -> str:
        """The whole address of the log or folder `name`."""
        return f"s3://{self._store.bucket}/{self._folder}{name}"

    def list_names(self, below: str) -> list[str]:
        """Names of the logs below this folder; none if they cannot be read."""
        if not self.is_readable:
            return []
        keys = self._store.list_keys(f"{self._folder}{below}")
        return [key.removeprefix(self._folder) for key in keys]

    def read(self, name: str) -> bytes | None:
        """The log `name`, unpacked; None if it is not there, or cannot be read."""
        body = self._store.get(f"{self._folder}{name}") if self.is_readable else None
        if body is None or not name.endswith(".gz"):
            return body
        return _unpack(body)


def _unpack(body: bytes) -> bytes:
    """As much as can be read of a copy that is cut off or damaged."""
    unpacked = bytearray()
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
        try:
            while piece := packed.read1(_PIECE):
                unpacked += piece
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return bytes(unpacked)
    return bytes(unpacked)
