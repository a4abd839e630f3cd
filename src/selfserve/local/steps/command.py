"""What a step is translated from (StepContext) and into (StepCommand).

Pure data, the seam between `plan.py`, which decides, and the engine, which
prepares the files (`files.prepare`) and starts the process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from selfserve.local.control.records import ClusterRecord


@dataclass(frozen=True, slots=True)
class StepContext:
    """Everything about the machine and the cluster that a step's command depends on."""

    cluster: ClusterRecord
    spark_home: Path
    python: Path
    """The runtime's Python: the driver's and the executors' interpreter."""
    java_home: Path
    master_url: str
    """spark://127.0.0.1:PORT"""
    secret: str = field(repr=False)
    """spark.authenticate.secret; it only ever goes into a private file."""
    spark: str
    """Its version."""
    workers: int
    most_workers: int
    """How many the cluster may grow to."""
    worker_cores: int
    worker_memory_mib: int
    driver_memory_mib: int
    """The most that a driver may ask for."""
    work_dir: Path
    """The step's own folder, made by the engine before `prepare`; the driver's working directory
    is `work_dir/"cwd"`, its Spark settings are in `work_dir/"conf"`."""
    lake_conf: Mapping[str, str]
    """Lake.spark_conf()"""
    warehouse: str
    """Where tables without a LOCATION go, such as s3://selfserve-local/warehouse."""
    endpoint_env: Mapping[str, str] = field(repr=False)
    """LocalEndpoint.environment()"""
    base_env: Mapping[str, str] = field(default_factory=dict)
    """What a job inherits from the machine: PATH, HOME, LANG, TMPDIR and the like."""
    metastore_uri: str | None = None
    """thrift://127.0.0.1:PORT when `plan.needs_catalogue` said so and the catalogue is up."""


@dataclass(frozen=True, slots=True)
class LocalizedFile:
    """A file that YARN would put into the driver's working directory before it starts."""

    uri: str
    name: str
    unpack: bool = False


@dataclass(frozen=True, slots=True)
class StepCommand:
    """One process to start, and what must be in place before."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    """The whole environment of the process, not an addition to the daemon's."""
    cwd: Path
    notes: tuple[str, ...] = ()
    """What was changed or left out because this machine is not EMR; for the controller log."""
    private_files: Mapping[Path, str] = field(default_factory=dict, repr=False)
    """Files to write with mode 0600 before the start; they may hold secrets."""
    localized: tuple[LocalizedFile, ...] = ()

    def with_env(self, more: Mapping[str, str]) -> "StepCommand":
        """The same command with these variables, too."""
        return replace(self, env={**self.env, **more})
