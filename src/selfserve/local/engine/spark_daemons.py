"""The command lines of Spark's Master and Worker, and what their logs say. Pure.

Nothing listens beyond 127.0.0.1, and nobody without the cluster's secret can
talk to them. Source: https://spark.apache.org/docs/latest/spark-standalone.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from selfserve.local.engine.cluster_folder import ClusterFolder
from selfserve.local.engine.machine import WorkerPlan
from selfserve.local.runtime.install import Runtime
from selfserve.local.runtime.java import SMALL_JVM

LOOPBACK = "127.0.0.1"
_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_MASTER_UP = re.compile(r"Starting Spark master at (spark://[\w.:-]+)")
_MASTER_UI = re.compile(r"Bound MasterWebUI to .* at http://[\w.:\[\]-]+:(\d+)")
_MASTER_ELECTED = "New state: ALIVE"
_WORKER_UP = re.compile(r"Successfully registered with master (spark://[\w.:-]+)")
_WORKER_PORT = re.compile(r"Starting Spark worker [\w.\[\]:-]+:(\d+) with")
_JVM = " ".join(SMALL_JVM)  # these two only pass messages on

_PATTERN = "%d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n"
_LOG4J = f"""\
log4j.rootCategory=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern={_PATTERN}
"""
_LOG4J2 = f"""\
rootLogger.level = info
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = {_PATTERN}
"""


@dataclass(frozen=True, slots=True)
class DaemonCommand:
    """How to start one of them."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SparkDaemons:
    """Commands for one cluster."""

    runtime: Runtime
    folder: ClusterFolder
    base_env: Mapping[str, str] = field(repr=False)
    """What Workers, and so executors, inherit."""

    def conf_files(self, secret: str) -> dict[str, str]:
        """Name to content of what is in their SPARK_CONF_DIR.

        What a log says without a configuration of its own differs among Spark versions.
        """
        return {
            "spark-defaults.conf": self._properties(secret),
            "log4j.properties": _LOG4J,  # Spark before 3.3
            "log4j2.properties": _LOG4J2,
        }

    def _properties(self, secret: str) -> str:
        settings = {
            "spark.authenticate": "true",
            "spark.authenticate.secret": secret,
            "spark.master.rest.enabled": "false",
            "spark.ui.killEnabled": "false",
            "spark.worker.cleanup.enabled": "true",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def master(self) -> DaemonCommand:
        """Any free port; `master_url` finds it in the log."""
        return self._command(_MASTER, (), self.folder.process("master"))

    def worker(self, name: str, master_url: str, plan: WorkerPlan) -> DaemonCommand:
        """A Worker of this size, whose folder is named `name`."""
        size = ("--cores", str(plan.cores), "--memory", f"{plan.memory_mib}M")
        work = ("--work-dir", str(self.folder.process(name) / "work"))
        return self._command(_WORKER, (*size, *work, master_url), self.folder.process(name))

    def _command(self, main_class: str, arguments: tuple[str, ...], home: Path) -> DaemonCommand:
        spark_class = str(self.runtime.spark_home / "bin" / "spark-class")
        listen = ("--host", LOOPBACK, "--port", "0", "--webui-port", "0")
        scratch = self.folder.scratch
        env = {
            **self.base_env,
            "JAVA_HOME": str(self.runtime.java_home),
            "SPARK_HOME": str(self.runtime.spark_home),
            "SPARK_CONF_DIR": str(self.folder.conf),
            "SPARK_LOCAL_IP": LOOPBACK,
            "SPARK_LOCAL_DIRS": str(scratch),
            "SPARK_LOG_DIR": str(home),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": f'{_JVM} "-Djava.io.tmpdir={scratch / "tmp"}"',
            "PYSPARK_PYTHON": str(self.runtime.python),
        }
        return DaemonCommand((spark_class, main_class, *listen, *arguments), env)


def master_url(log: str) -> str | None:
    """Where the Master listens, once its log says that it is ready."""
    found = _MASTER_UP.search(log)
    return found[1] if found and _MASTER_ELECTED in log else None


def web_ui_port(log: str) -> int | None:
    """Where the Master's web UI listens on the loopback."""
    found = _MASTER_UI.search(log)
    return int(found[1]) if found else None


def worker_port(log: str) -> int | None:
    """Where a Worker listens: how the Master tells it from others."""
    found = _WORKER_PORT.search(log)
    return int(found[1]) if found else None


def is_registered(log: str, url: str) -> bool:
    """Whether a Worker's log says that the Master at `url` has taken it."""
    return any(found == url for found in _WORKER_UP.findall(log))
