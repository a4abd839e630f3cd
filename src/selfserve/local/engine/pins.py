"""Which Spark and Python a local cluster's EMR release stands for. Pure."""

from dataclasses import dataclass

from selfserve.core.releases import load_releases
from selfserve.errors import ClusterFailedError
from selfserve.local.control.records import ClusterRecord

_NEED_SPARK = frozenset({"spark", "hive"})
"""HiveQL runs on Spark here."""


@dataclass(frozen=True, slots=True)
class SparkPin:
    """Upstream versions."""

    spark: str
    python: str


def usual_pin() -> SparkPin:
    """The versions of the newest EMR release that has Spark and Hive."""
    release = load_releases().choose(applications=("Spark", "Hive"))
    if release is None or release.spark is None:
        raise ValueError("no release with Spark and Hive is in the table")
    return SparkPin(release.spark, release.python)


def pin_of(cluster: ClusterRecord) -> SparkPin | None:
    """The versions to install; None for a cluster without Spark, such as one of Trino only.

    Raises:
        ClusterFailedError: its release is not in our table.
    """
    applications = {entry["Name"].casefold() for entry in cluster.request.get("Applications", ())}
    if not applications & _NEED_SPARK:
        return None
    release = load_releases().by_label(cluster.release)
    if release is None or release.spark is None:
        raise ClusterFailedError(
            f"No Spark version is known for {cluster.release}.",
            hint="Choose another release: selfserve profiles show NAME",
        )
    return SparkPin(release.spark, release.python)
