"""One table catalogue for everything that runs on this machine: Hive's metastore service.

Tables that one application makes are seen by all others, of every cluster, also
after a restart. It is started when a step first needs tables, and listens on the
loopback only; as everything there, it trusts the other users of the machine.

It runs from the jars of the Spark runtime that asks first; any Spark version
can talk to it.
"""

import json
import os
import re
import threading
from pathlib import Path

from selfserve.local.lake.folders import Lake
from selfserve.local.lake.service import Service
from selfserve.local.runtime.install import Runtime
from selfserve.local.runtime.java import SMALL_JVM

_START_DEADLINE_S = 180.0
_PORT = re.compile(r"^metastore-port=(\d+)$", re.MULTILINE)
_DERBY = re.compile(r"derby-(\d[\d.]*)")
_MAIN = Path(__file__).with_name("metastore_main.py")
_HADOOP = "spark.hadoop."
_JVM = ("-Xmx256m", *SMALL_JVM)
_NEW_JAVA_OPTIONS = (
    "--add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.net=ALL-UNNAMED"
)


class Catalogue:
    """The metastore of one home folder. Methods may be called from any thread."""

    def __init__(self, home: Path, lake: Lake, warehouse: str) -> None:
        self._folder = home / "metastore"
        self._lake = lake
        self._warehouse = warehouse
        self._service = Service("metastore", home)
        self._lock = threading.Lock()
        self._uri: str | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, once it was started."""
        return self._service.pid

    def running(self) -> str | None:
        """Its URI if it runs now; waits for one that is being started."""
        with self._lock:
            return self._uri if self._service.is_alive() else None

    def can_open(self, spark_home: Path) -> bool:
        """Whether the jars of this Spark are new enough for the tables that there are."""
        (ours,) = _derby_versions(spark_home / "jars", "derby-[0-9]*.jar")
        return all(ours >= existing for existing in _derby_versions(self._folder, "derby-*"))

    def adopt(self) -> None:
        """Go on with the one that an earlier daemon has started: adopted steps may use it."""
        with self._lock:
            port = self._service.adopt(self._said_port)
            self._uri = None if port is None else _uri(port)

    def ensure(self, runtime: Runtime) -> str:
        """Start it if it does not run, and return its URI, such as thrift://127.0.0.1:9083.

        Takes some seconds the first time.

        Raises:
            ClusterFailedError: it does not start.
        """
        with self._lock:
            if self._uri is None or not self._service.is_alive():
                self._uri = _uri(self._launch(runtime))
            return self._uri

    def stop(self) -> None:
        """End it; the tables stay. Fine when it never started."""
        self._service.stop()

    def _launch(self, runtime: Runtime) -> int:
        database = self._folder / f"derby-{self._database_version(runtime.spark_home)}"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        chosen = {
            "classpath": str(runtime.spark_home / "jars" / "*"),
            "java": str(runtime.java_home / "bin" / "java"),
            "java_options": [*_JVM, f"-Dderby.system.home={self._folder}"],
            "conf": self._conf(database),
        }
        return self._service.launch(
            (str(runtime.python), str(_MAIN), json.dumps(chosen)),
            # Not an argument, because Java 8 knows no such option.
            {**_environment(), "JDK_JAVA_OPTIONS": _NEW_JAVA_OPTIONS},
            find_port=self._said_port,
            deadline_s=_START_DEADLINE_S,
        )

    def _conf(self, database: Path) -> dict[str, str]:
        lake = self._lake.spark_conf().items()
        return {
            **{name.removeprefix(_HADOOP): value for name, value in lake},
            "javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={database};create=true",
            "hive.metastore.warehouse.dir": self._warehouse,
            "hive.metastore.schema.verification": "false",
            "datanucleus.schema.autoCreateAll": "true",
            # Derby takes seconds to compile a query that names thousands of partitions.
            "hive.metastore.direct.sql.batch.size": "1000",
        }

    def _database_version(self, spark_home: Path) -> str:
        """The Derby format to use: that of the newest database this runtime can open.

        A Derby opens what an older one has made, and never what a newer one has.
        """
        (ours,) = _derby_versions(spark_home / "jars", "derby-[0-9]*.jar")
        existing = _derby_versions(self._folder, "derby-*")
        return ".".join(map(str, max((v for v in existing if v <= ours), default=ours)))

    def _said_port(self, _pid: int) -> int | None:
        try:
            log = self._service.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        said = _PORT.search(log)
        return int(said[1]) if said else None


def _uri(port: int) -> str:
    return f"thrift://127.0.0.1:{port}"


def _derby_versions(folder: Path, pattern: str) -> list[tuple[int, ...]]:
    names = [_DERBY.match(path.name) for path in folder.glob(pattern)]
    return [tuple(map(int, name[1].strip(".").split("."))) for name in names if name]


def _environment() -> dict[str, str]:
    unwanted = ("PYTHON", "SPARK_", "HADOOP_", "JAVA_", "_JAVA_", "JDK_", "AWS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
