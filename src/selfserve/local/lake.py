"""The lake: S3 as plain folders and files of this machine.

A bucket is a folder, an object is a file in it. `rclone.py` and `s3_gateway.py`
serve the same folders to every other S3 client.
"""

from pathlib import Path


class Lake:
    """The buckets below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
