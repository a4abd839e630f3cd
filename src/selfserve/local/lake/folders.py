"""The lake: S3 as plain folders and files of this machine.

A bucket is a folder, an object is a file in it. Spark reads and writes the files
directly, through the settings of `Lake.spark_conf`; `rclone.py` and
`s3_gateway.py` serve the same folders to every other S3 client.
"""

import re
from pathlib import Path
from tempfile import NamedTemporaryFile
from xml.etree import ElementTree as ET

from selfserve.errors import BadInputError

SCHEMES = ("s3", "s3a", "s3n")

_URI = re.compile(r"(?P<scheme>s3[an]?)://(?P<bucket>[^/]*)(?:/(?P<key>.*))?", re.DOTALL)
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BUCKET_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_IP_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")

_VIEW_FS = "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
_RAW_FS = "org.apache.hadoop.fs.RawLocalFileSystem"
_RAW_SCHEME = "rawfile"
_NO_SUCH_BUCKET = "NoSuchBucket"


def is_bucket_name(name: str) -> bool:
    """Whether S3 would accept this name for a general purpose bucket."""
    return (
        _BUCKET.fullmatch(name) is not None
        and ".." not in name
        and not name.endswith(_BUCKET_SUFFIXES)
        and _IP_ADDRESS.fullmatch(name) is None
    )


class Lake:
    """The buckets below one folder.

    Beside the folder, in `<root>-mounts`, lies the table that tells Hadoop which
    bucket is which folder. Hadoop reads it when a bucket is first used in a
    process, so a bucket made after a Spark application started is found too.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._mounts = self.root.with_name(f"{self.root.name}-mounts")
        self.root.mkdir(parents=True, exist_ok=True)
        self.publish_buckets()

    def bucket_path(self, bucket: str) -> Path:
        """The folder of a bucket, whether or not it exists.

        Raises:
            BadInputError: S3 has no bucket of such a name.
        """
        if not is_bucket_name(bucket):
            raise BadInputError(
                f"{bucket!r} cannot be the name of an S3 bucket.",
                hint="Use 3 to 63 lower-case letters, digits, dots and hyphens.",
            )
        return self.root / bucket

    def path_of(self, uri: str) -> Path:
        """The file or folder behind an s3://, s3a:// or s3n:// URI, whether or not it exists.

        Raises:
            BadInputError: it is no such URI, or its key would leave its bucket.
        """
        match = _URI.fullmatch(uri)
        if match is None:
            raise BadInputError(
                f"{uri!r} is not an S3 location.", hint="Write it like s3://bucket/key."
            )
        segments = [part for part in (match["key"] or "").split("/") if part]
        if any(part in {".", ".."} or "\0" in part for part in segments):
            raise BadInputError(
                f"{uri!r} leaves its bucket or cannot be a file name.",
                hint="Use a key without '.' and '..' segments.",
            )
        return self.bucket_path(match["bucket"]).joinpath(*segments)

    def buckets(self) -> list[str]:
        """The names of all buckets, in order."""
        return sorted(p.name for p in self.root.iterdir() if p.is_dir() and is_bucket_name(p.name))

    def ensure_bucket(self, bucket: str) -> Path:
        """Make the bucket if it is not there, and return its folder."""
        path = self.bucket_path(bucket)
        path.mkdir(exist_ok=True)
        self.publish_buckets()
        return path

    def publish_buckets(self) -> None:
        """Let Spark find every bucket that exists now, however it was made."""
        table = ET.Element("configuration")
        for bucket in self.buckets():
            link = ET.SubElement(table, "property")
            name = f"fs.viewfs.mounttable.{bucket}.linkFallback"
            ET.SubElement(link, "name").text = name
            uri = self.bucket_path(bucket).as_uri().removeprefix("file:")
            ET.SubElement(link, "value").text = f"{_RAW_SCHEME}:{uri}"
        self._mounts.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._mounts, prefix=".", delete=False) as draft:
            draft.write(ET.tostring(table))
        # Hadoop lists the folder for mount-table.<version>.xml; a rename never shows half a table.
        Path(draft.name).replace(self._mounts / "mount-table.1.xml")

    def spark_conf(self) -> dict[str, str]:
        """The Spark settings under which s3://, s3a:// and s3n:// are this lake.

        Needs Hadoop 3.3.1 or newer, which Spark ships since 3.2. Objects are plain
        files without checksum files beside them (RawLocalFileSystem), under a scheme of
        its own: Hadoop itself insists that `file` is its checksummed LocalFileSystem.

        Hadoop would map a bucket that is not in the table onto the root folder of
        the machine, with the class of `overload.scheme.target`. There is no such
        class here, so the job fails with the name of the class, NoSuchBucket.
        """
        self.publish_buckets()
        conf = {
            f"spark.hadoop.fs.{_RAW_SCHEME}.impl": _RAW_FS,
            # A Hadoop Path: not percent-encoded, unlike the links in the table.
            "spark.hadoop.fs.viewfs.mounttable.path": f"file://{self._mounts}",
        }
        for scheme in SCHEMES:
            conf[f"spark.hadoop.fs.{scheme}.impl"] = _VIEW_FS
            target = f"spark.hadoop.fs.viewfs.overload.scheme.target.{scheme}.impl"
            conf[target] = _NO_SUCH_BUCKET
        return conf
