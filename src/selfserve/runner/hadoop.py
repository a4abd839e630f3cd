"""The run's objects, reached through the Hadoop file system of the JVM that started us.

So no credentials and no boto3 are needed on the cluster, and whatever the
cluster calls s3:// (EMRFS, S3A, the local lake) works.
"""

import os
import platform
from typing import Any, Dict, List, Optional

from py4j.java_gateway import GatewayParameters, JavaGateway
from py4j.protocol import Py4JJavaError

from .storage import Storage

# py4j hands out objects whose classes are known to the JVM only, hence Any.


class HadoopStorage(Storage):
    """The prefix of one run, over a py4j connection of our own.

    Whatever the job does to its SparkContext or its gateway does not touch it.
    """

    def __init__(self, prefix: str) -> None:
        self._gateway = JavaGateway(
            gateway_parameters=GatewayParameters(
                port=int(os.environ["PYSPARK_GATEWAY_PORT"]),
                auth_token=os.environ["PYSPARK_GATEWAY_SECRET"],
            )
        )
        self._jvm = self._gateway.jvm
        self._prefix = prefix
        hadoop = self._jvm.org.apache.spark.deploy.SparkHadoopUtil.get()
        self._conf = hadoop.newConfiguration(self._jvm.org.apache.spark.SparkConf())
        # A cached file system is shared: the job closing it would close it for us.
        self._files = self._jvm.org.apache.hadoop.fs.FileSystem.newInstance(
            self._jvm.java.net.URI(prefix), self._conf
        )
        self._is_folder = self._is_on_local_disk()

    def fetch(self, uri: str, path: str) -> None:
        """Copy the object at `uri` to the local file `path`, which must not exist."""
        source = self._path(uri)
        stream = source.getFileSystem(self._conf).open(source)
        try:
            target = self._jvm.java.io.File(path).toPath()
            options = self._gateway.new_array(self._jvm.java.nio.file.CopyOption, 0)
            self._jvm.java.nio.file.Files.copy(stream, target, options)
        finally:
            stream.close()

    def write(self, name: str, body: bytes) -> None:
        """Create an object that readers see whole or not at all."""
        target = self._path(self._prefix + name)
        if not self._is_folder:  # S3 shows no object before it is complete
            self._create(target, body)
            return
        aside = self._path(self._prefix + ".writing")
        self._create(aside, body)
        self._files.mkdirs(target.getParent())
        self._files.rename(aside, target)

    def exists(self, name: str) -> bool:
        """Whether the run has this object."""
        return bool(self._files.exists(self._path(self._prefix + name)))

    def names(self, folder: str) -> List[str]:
        """The names below `folder`; none if there is no such folder."""
        if not self.exists(folder):
            return []
        statuses = self._files.listStatus(self._path(self._prefix + folder))
        return [status.getPath().getName() for status in statuses]

    def application_id(self) -> Optional[str]:
        """Spark's id of the application that this JVM runs at the moment, if any."""
        companion = getattr(self._jvm.org.apache.spark, "SparkContext$")
        active = getattr(companion, "MODULE$").getActive()
        return str(active.get().applicationId()) if active.isDefined() else None

    def versions(self) -> Dict[str, str]:
        """What the job runs on."""
        spark = getattr(self._jvm.org.apache.spark, "package")  # noqa: B009  a keyword in Java
        return {
            "python": platform.python_version(),
            "spark": str(spark.SPARK_VERSION()),
            "java": str(self._jvm.java.lang.System.getProperty("java.version")),
        }

    def close(self) -> None:
        """Close our connections; the JVM's gateway stays up for the job."""
        self._gateway.close()

    def _is_on_local_disk(self) -> bool:
        try:
            submission = self._path(self._prefix + "submission.json")
            scheme = self._files.resolvePath(submission).toUri().getScheme()
        except Py4JJavaError:  # there is none, so this is no run of the local target
            return False
        return bool(scheme == "file")

    def _create(self, path: Any, body: bytes) -> None:
        stream = self._files.create(path, True)  # noqa: FBT003  `overwrite`; py4j knows no keywords
        try:
            stream.write(body)
        finally:
            stream.close()

    def _path(self, uri: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(uri)
