"""Small objects in S3, through the JVM's Hadoop file system: whatever s3:// is there."""

from __future__ import annotations

import json
from typing import Any

from pyspark.sql import SparkSession


def write_json(spark: SparkSession, uri: str, record: dict[str, Any]) -> None:
    """Create or replace an object of JSON, hence Any; readers see it whole or not at all."""
    jvm = spark.sparkContext._jvm  # noqa: SLF001  PySpark has no public way to Hadoop's files
    conf = spark.sparkContext._jsc.hadoopConfiguration()  # noqa: SLF001
    target = jvm.org.apache.hadoop.fs.Path(uri)
    # On the local target, S3 is a folder, in which a file is seen while it is written.
    aside = jvm.org.apache.hadoop.fs.Path(target.getParent(), "." + target.getName())
    files = target.getFileSystem(conf)
    stream = files.create(aside, True)  # noqa: FBT003  `overwrite`; py4j knows no keywords
    try:
        stream.write(bytearray(json.dumps(record).encode("utf-8")))
    finally:
        stream.close()
    files.delete(target, False)  # noqa: FBT003  `recursive`
    if not files.rename(aside, target):
        raise OSError("cannot write " + uri)
