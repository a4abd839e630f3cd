"""The run's objects, reached through the Hadoop file system of the JVM that started us.

So no credentials and no boto3 are needed on the cluster, and whatever the
cluster calls s3:// (EMRFS, S3A, the local lake) works.
"""

import os
import platform
import socket
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional

from py4j.java_gateway import GatewayParameters, JavaGateway
from py4j.protocol import Py4JError, Py4JJavaError

from .storage import Storage, StorageGoneError

# py4j hands out objects whose classes are known to the JVM only, hence Any.

_ANSWER_LIMIT_S = 120.0  # S3's own clients try for less long
_CONNECT_LIMIT_S = 2.0


class HadoopStorage(Storage):
    """The prefix of one run, over a py4j connection of our own.

    Whatever the job does to its SparkContext or its gateway does not touch it.
    """

    def __init__(self, prefix: str) -> None:
        self._port = int(os.environ["PYSPARK_GATEWAY_PORT"])
        self._gateway = JavaGateway(
            gateway_parameters=GatewayParameters(
                port=self._port,
                auth_token=os.environ["PYSPARK_GATEWAY_SECRET"],
                read_timeout=_ANSWER_LIMIT_S,
            )
        )
        self._jvm = self._gateway.jvm
        self._prefix = prefix
        hadoop = self._jvm.org.apache.spark.deploy.SparkHadoopUtil.get()
        self._conf = hadoop.newConfiguration(self._jvm.org.apache.spark.SparkConf())
        # On SIGTERM the JVM closes its file systems while we still write what the job has said.
        self._conf.setBoolean("fs.automatic.close", False)  # noqa: FBT003  py4j knows no keywords
        # A cached file system is shared: the job closing it would close it for us.
        self._files = self._jvm.org.apache.hadoop.fs.FileSystem.newInstance(
            self._jvm.java.net.URI(prefix), self._conf
        )
        self._is_folder = self._is_on_local_disk()

    def fetch(self, uri: str, path: str) -> None:
        """Copy the object at `uri` to the local file `path`, which must not exist."""
        with self._jvm_at_work():
            stream = self._open(uri)
            try:
                target = self._jvm.java.io.File(path).toPath()
                options = self._gateway.new_array(self._jvm.java.nio.file.CopyOption, 0)
                self._jvm.java.nio.file.Files.copy(stream, target, options)
            finally:
                stream.close()

    def read(self, uri: str) -> bytes:
        """The content of the small object at `uri`."""
        with self._jvm_at_work():
            stream = self._open(uri)
            try:
                return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))
            finally:
                stream.close()

    def write(self, name: str, body: bytes) -> None:
        """Create or replace an object; readers see it whole or not at all."""
        with self._jvm_at_work():
            target = self._path(self._prefix + name)
            if not self._is_folder:  # S3 shows no object before it is complete
                self._create(target, body)
                return
            aside = self._path(f"{self._prefix}.writing-{name.replace('/', '-')}")
            self._create(aside, body)
            self._files.mkdirs(target.getParent())
            if not self._files.rename(aside, target):
                raise OSError(f"cannot rename {aside.toString()} to {target.toString()}")

    def exists(self, name: str) -> bool:
        """Whether the run has this object."""
        with self._jvm_at_work():
            return bool(self._files.exists(self._path(self._prefix + name)))

    def names(self, folder: str) -> List[str]:
        """The names below `folder`; none if there is no such folder."""
        if not self.exists(folder):
            return []
        with self._jvm_at_work():
            statuses = self._files.listStatus(self._path(self._prefix + folder))
            return [status.getPath().getName() for status in statuses]

    def application_id(self) -> Optional[str]:
        """Spark's id of the application that this JVM runs at the moment, if any."""
        with self._jvm_at_work():
            companion = getattr(self._jvm.org.apache.spark, "SparkContext$")
            active = getattr(companion, "MODULE$").getActive()
            return str(active.get().applicationId()) if active.isDefined() else None

    def versions(self) -> Dict[str, str]:
        """What the job runs on."""
        with self._jvm_at_work():
            spark = getattr(self._jvm.org.apache.spark, "package")  # noqa: B009  a Java keyword
            return {
                "python": platform.python_version(),
                "spark": str(spark.SPARK_VERSION()),
                "java": str(self._jvm.java.lang.System.getProperty("java.version")),
            }

    def close(self) -> None:
        """Close our connections; the JVM's gateway stays up for the job."""
        self._gateway.close()

    @contextmanager
    def _jvm_at_work(self) -> Iterator[None]:
        """Tell a JVM that has ended from an S3 that does not answer."""
        try:
            yield
        except Py4JJavaError:  # it has answered
            raise
        except (Py4JError, OSError) as error:
            if self._has_jvm():
                raise
            raise StorageGoneError("the JVM has ended") from error

    def _has_jvm(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), _CONNECT_LIMIT_S).close()
        except OSError:
            return False
        return True

    def _is_on_local_disk(self) -> bool:
        try:
            submission = self._path(self._prefix + "submission.json")
            scheme = self._files.resolvePath(submission).toUri().getScheme()
        except Py4JJavaError:  # there is none, so this is no run of the local target
            return False
        return bool(scheme == "file")

    def _open(self, uri: str) -> Any:
        path = self._path(uri)
        return path.getFileSystem(self._conf).open(path)

    def _create(self, path: Any, body: bytes) -> None:
        stream = self._files.create(path, True)  # noqa: FBT003  `overwrite`; py4j knows no keywords
        try:
            stream.write(body)
        finally:
            stream.close()

    def _path(self, uri: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(uri)
