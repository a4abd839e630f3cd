"""Which Spark settings of an EMR cluster mean something on this machine.

Pure. Settings come from the cluster's Configurations and from the options of a
step; what only EMR, YARN or AWS has is left out, and said.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from selfserve.local.control.records import Json

_DECIDED_HERE = "decided by the local target"
_YARN_ONLY = "YARN has them, the local target has not"
_NOT_INSTALLED = "they name classes or files of EMR nodes"
_NO_HDFS = "there is no HDFS here"
_NO_HARDWARE = "there is no such hardware here"

_FIXED = re.compile(
    r"spark\.(master|submit\.deployMode|remote"
    r"|authenticate(\..*)?|network\.crypto\..*|ssl\..*"
    r"|(driver|executor)\.(host|bindAddress|port)|blockManager\.port|driver\.blockManager\.port"
    r"|local\.dir|shuffle\.service\..*|dynamicAllocation\.shuffleTracking\.enabled"
    r"|hadoop\.fs\.defaultFS|hadoop\.fs\.(raw)?file\.impl|hadoop\.fs\.viewfs\..*"
    r"|hadoop\.fs\.(AbstractFileSystem\.)?s3[an]?\.impl"
    r"|hadoop\.(javax\.jdo\..*|hive\.metastore\..*|hive\.exec\.(local\.)?scratchdir))"
)
_HARDWARE = re.compile(r"spark\.(driver|executor|task)\.resource\..*|spark\.rapids\..*")
_EMR_ONLY = re.compile(r"com\.amazon|com\.nvidia|/usr/share/aws/|/usr/lib/(?!spark/)|/emr/")
_INTERPRETERS = frozenset({"PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "JAVA_HOME"})
_NODE_VARIABLES = re.compile(r"(SPARK|HADOOP|YARN|HIVE|EMR|AWS)_.*|PATH|LD_LIBRARY_PATH|HOME")


@dataclass
class Settings:
    """Settings as they are gathered; the last one to come wins."""

    conf: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    """What the cluster's spark-env exports."""
    yarn_env: dict[str, str] = field(default_factory=dict)
    """What spark.yarn.appMasterEnv.* gives to a driver of deploy mode cluster."""
    _left_out: dict[str, list[str]] = field(default_factory=dict)

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Take Spark settings, but for those that cannot hold here."""
        for name, value in pairs:
            reason = _why_not(name, value)
            if reason is not None:
                self.leave_out(reason, name)
            elif name.startswith("spark.yarn."):
                self._add_yarn(name, value)
            else:
                self.conf[name] = value

    def add_env(self, exports: Mapping[str, str]) -> None:
        """Take exported variables, but for those that describe EMR nodes."""
        self.env.update(self._without_nodes_own(exports))

    def _without_nodes_own(self, exports: Mapping[str, str]) -> dict[str, str]:
        taken = {}
        for name, value in exports.items():
            if _is_nodes_own(name, value):
                self.leave_out(_DECIDED_HERE, name)
            else:
                taken[name] = value
        return taken

    def leave_out(self, reason: str, name: str) -> None:
        """Remember that `name` was not taken. Values are never told: they may be secrets."""
        names = self._left_out.setdefault(reason, [])
        if name not in names:
            names.append(name)

    def notes(self) -> tuple[str, ...]:
        """One sentence for each reason why something was left out."""
        return tuple(
            f"Left out, because {reason}: {', '.join(names)}."
            if reason != _DECIDED_HERE
            else f"Decided by the local target: {', '.join(names)}."
            for reason, names in self._left_out.items()
        )

    def _add_yarn(self, name: str, value: str) -> None:
        if name.startswith("spark.yarn.appMasterEnv."):
            exports = {name.removeprefix("spark.yarn.appMasterEnv."): value}
            self.yarn_env.update(self._without_nodes_own(exports))
        elif name in _YARN_NAMES:
            self.conf[_YARN_NAMES[name]] = value
        else:
            self.leave_out(_YARN_ONLY, name)


_YARN_NAMES = {
    "spark.yarn.dist.archives": "spark.archives",
    "spark.yarn.dist.files": "spark.files",
    "spark.yarn.dist.jars": "spark.jars",
}


def cluster_settings(request: Json, *, hive_site: str) -> Settings:
    """The settings that the Configurations of a RunJobFlow request give to a step.

    `hive_site` is the classification that is the step's hive-site.xml: EMR has
    `hive-site` for Hive and `spark-hive-site` for Spark.
    """
    settings = Settings()
    unused: list[str] = []
    for entry in request.get("Configurations", ()):
        classification = entry.get("Classification", "")
        properties: Mapping[str, str] = entry.get("Properties", {})
        if classification == "spark-defaults":
            settings.add(properties.items())
        elif classification == hive_site:
            settings.add((f"spark.hadoop.{name}", value) for name, value in properties.items())
        elif classification == "spark-env":
            for nested in entry.get("Configurations", ()):
                settings.add_env(nested.get("Properties", {}))
        elif classification:
            unused.append(classification)
    for classification in unused:
        settings.leave_out("they configure what does not run here", classification)
    return settings


def spark_defaults(request: Json) -> dict[str, str]:
    """The spark-defaults of a RunJobFlow request, as they are."""
    return {
        name: value
        for entry in request.get("Configurations", ())
        if entry.get("Classification") == "spark-defaults"
        for name, value in entry.get("Properties", {}).items()
    }


def uses_glue(request: Json) -> bool:
    """Whether the cluster's Configurations make the Glue catalogue Hive's metastore."""
    return any(
        "AWSGlueDataCatalogHiveClientFactory" in value
        for entry in request.get("Configurations", ())
        for value in entry.get("Properties", {}).values()
    )


def _why_not(name: str, value: str) -> str | None:
    if _FIXED.fullmatch(name):
        return _DECIDED_HERE
    if _HARDWARE.fullmatch(name):
        return _NO_HARDWARE
    if value.startswith("hdfs:"):
        return _NO_HDFS
    interpreter = _interpreter(name)
    if interpreter is not None:
        return _DECIDED_HERE if _is_nodes_own(interpreter, value) else None
    return _NOT_INSTALLED if _EMR_ONLY.search(value) else None


def _interpreter(name: str) -> str | None:
    """The environment variable that a setting stands for, if it chooses a Python or a Java."""
    if name in {"spark.pyspark.python", "spark.pyspark.driver.python"}:
        return "PYSPARK_PYTHON"
    variable = name.removeprefix("spark.executorEnv.")
    return variable if variable != name and variable in _INTERPRETERS else None


def _is_nodes_own(variable: str, value: str) -> bool:
    """Whether a variable describes EMR's machines, rather than what comes with the job."""
    if variable in {"PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"}:
        return value.startswith("/") or "/" not in value  # ./environment/bin/python is the job's
    return variable == "JAVA_HOME" or _NODE_VARIABLES.fullmatch(variable) is not None
