"""What EMR installs: release labels, applications and configuration classifications.

Sources: EMR Release Guide, "About Amazon EMR releases", "Presto and Trino", and
the notes of emr-spark-8.0.0 and 8.1.0.
"""

import re
from collections.abc import Iterator, Sequence

from selfserve.aws.emr_rules.limits import Json
from selfserve.core.releases import Release, load_releases, release_number

SPARK_ONLY = "emr-spark-"

_GONE_FROM_SPARK_8 = re.compile(r"emrfs-site|(?:hive|presto|prestosql|trino|zeppelin|hue)(?:-.*)?")


def release_problems(request: Json) -> Iterator[str]:
    """RunJobFlow: exactly one known release, and nothing that it lacks."""
    label = request.get("ReleaseLabel")
    if label is None:
        why = " (AmiVersion is for EMR 2.x and 3.x)" if "AmiVersion" in request else ""
        yield f"ReleaseLabel: required{why}"
        return
    if "AmiVersion" in request:
        yield "ReleaseLabel and AmiVersion cannot be given together"
    if release_number(label) is None:
        yield f"ReleaseLabel: {label!r} has neither the form emr-X.Y.Z nor emr-spark-X.Y.Z"
        return
    release = load_releases().by_label(label)
    if release is None:
        yield f"ReleaseLabel: there is no release {label}"
        return
    yield from _newer_member_problems(request, release)
    yield from _application_problems(request.get("Applications", ()), release)
    yield from classification_problems(request.get("Configurations", ()), "Configurations", label)


def _newer_member_problems(request: Json, release: Release) -> Iterator[str]:
    for member in ("EbsRootVolumeIops", "EbsRootVolumeThroughput"):
        if member in request and release.number < (6, 15, 0):
            yield f"{member}: needs emr-6.15.0 or newer"
    if request.get("SessionEnabled") and not release.is_spark_only:
        yield f"SessionEnabled: {release.label} has no Spark Connect sessions; emr-spark-8.0.0 has"


def _application_problems(applications: Sequence[Json], release: Release) -> Iterator[str]:
    wanted = [application.get("Name", "") for application in applications]
    for index, name in enumerate(wanted):
        if _lacks(release, name):
            yield f"Applications[{index}]: {release.label} has no application {name!r}"
    lowered = {name.lower() for name in wanted}
    if "presto" in lowered and lowered & {"trino", "prestosql"}:
        yield "Applications: Presto and Trino cannot run on one cluster"


def _lacks(release: Release, name: str) -> bool:
    """Whether RunJobFlow refuses this name; Trino is called PrestoSQL before 6.4."""
    if name.lower() in {"trino", "prestosql"}:
        return release.lacks("Trino") or release.emr_name("Trino").lower() != name.lower()
    return release.lacks(name)


def classification_problems(
    configurations: Sequence[Json], path: str, label: str | None
) -> Iterator[str]:
    """Configuration classifications must be named, and exist in the release."""
    spark_only = label is not None and label.startswith(SPARK_ONLY)
    for index, configuration in enumerate(configurations):
        name = configuration.get("Classification")
        if not name:
            yield f"{path}[{index}]: Classification is required"
        elif spark_only and _GONE_FROM_SPARK_8.fullmatch(name):
            yield f"{path}[{index}]: {label} has no classification {name!r}"
