"""The release table: Spark version <-> EMR release <-> Python, Java and applications.

Pure; the facts and their sources are in data/emr_releases.yaml, which is read on
first use (8 ms).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_PATCH_LEVEL = re.compile(r"-amzn-\d+.*$")
_LABEL = re.compile(r"emr-(?:spark-)?(\d+)\.(\d+)\.(\d+)")

# Applications that EMR accepts but the table has no versions of; none is in emr-spark-8.x.
# https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-release-components.html
_UNVERSIONED = frozenset(
    {"Ganglia", "HBase", "HCatalog", "Mahout", "MXNet", "Oozie", "Phoenix", "Pig", "Sqoop"}
    | {"TensorFlow", "ZooKeeper"}
)
_UNVERSIONED_EVERYWHERE = frozenset({"AmazonCloudWatchAgent"})


def release_number(label: str) -> tuple[int, int, int] | None:
    """`emr-7.14.0` and `emr-spark-8.1.0` as numbers to compare; None for anything else."""
    match = _LABEL.fullmatch(label)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


@dataclass(frozen=True, slots=True)
class Release:
    """One EMR release and what is in it."""

    label: str
    spark: str | None
    """Upstream version, without AWS's patch level."""
    python: str
    """The Python that PySpark runs on unless told otherwise."""
    java: str
    """The default major version for Spark and Hadoop."""
    scala: str | None
    applications: Mapping[str, str]
    """Name to upstream version, of those in the release."""
    source: str

    @property
    def number(self) -> tuple[int, int, int]:
        """Major, minor, patch."""
        number = release_number(self.label)
        if number is None:
            raise ValueError(f"{self.label!r} is not an EMR release label")
        return number

    @property
    def is_spark_only(self) -> bool:
        """Whether this is an `emr-spark-` release, without Hive, Trino and the rest."""
        return self.label.startswith("emr-spark-")

    @property
    def ends_idle_clusters(self) -> bool:
        """Whether EMR's auto-termination and managed scaling are in it: emr-6.0 has neither."""
        return self.number[:2] != (6, 0)

    def lacks(self, application: str) -> bool:
        """Whether `application`, in any case, cannot be installed from this release."""
        return application.casefold() not in {name.casefold() for name in self._installable()}

    def _installable(self) -> set[str]:
        extra = _UNVERSIONED_EVERYWHERE if self.is_spark_only else _ALL_UNVERSIONED
        return set(self.applications) | extra

    def emr_name(self, application: str) -> str:
        """The name RunJobFlow wants: EMR's spelling, and PrestoSQL for Trino before 6.4."""
        known = {name.casefold(): name for name in self._installable()}
        name = known.get(application.casefold(), application)
        return "PrestoSQL" if name == "Trino" and (6, 1, 0) <= self.number < (6, 4, 0) else name


_ALL_UNVERSIONED = _UNVERSIONED | _UNVERSIONED_EVERYWHERE


@dataclass(frozen=True, slots=True)
class ReleaseTable:
    """Every release we know, newest first."""

    releases: tuple[Release, ...]

    def by_label(self, label: str) -> Release | None:
        """The release with this label."""
        return next((release for release in self.releases if release.label == label), None)

    def choose(
        self,
        *,
        spark: str | None = None,
        trino: str | None = None,
        applications: Sequence[str] = (),
    ) -> Release | None:
        """The newest release with these upstream versions that has all these applications."""
        for release in self.releases:
            versions = (
                spark in {None, release.spark}
                and trino in {None, release.applications.get("Trino")}
            )  # fmt: skip
            if versions and not any(map(release.lacks, applications)):
                return release
        return None

    def having(self, application: str) -> tuple[Release, ...]:
        """The releases that have `application`, newest first."""
        return tuple(release for release in self.releases if not release.lacks(application))

    def versions(self, application: str) -> tuple[str, ...]:
        """Every upstream version of `application`, newest first, each once."""
        found = (release.applications.get(application) for release in self.releases)
        return tuple(dict.fromkeys(version for version in found if version))

    def application_names(self) -> frozenset[str]:
        """Every application that some release can install."""
        named = {name for release in self.releases for name in release.applications}
        return frozenset(named) | _ALL_UNVERSIONED


@cache
def load_releases() -> ReleaseTable:
    """The table that ships with selfserve."""
    import yaml  # noqa: PLC0415  slow to load, and most commands need no table

    text = files("selfserve.core").joinpath("data/emr_releases.yaml").read_text("utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    rows: Iterable[Mapping[str, Any]] = yaml.load(text, Loader=loader)["releases"]  # noqa: S506  a safe loader, in C
    releases = sorted(map(_to_release, rows), key=lambda release: release.number, reverse=True)
    return ReleaseTable(tuple(releases))


def _to_release(row: Mapping[str, Any]) -> Release:  # Any: YAML rows, checked by a test
    applications = {
        name: _PATCH_LEVEL.sub("", version)
        for name, version in row["applications"].items()
        if version is not None
    }
    return Release(
        label=row["label"],
        spark=row["upstream_spark"],
        python=row["python_default_pyspark"],
        java=row["java_default"],
        scala=row["scala"],
        applications=applications,
        source=row["source"],
    )
