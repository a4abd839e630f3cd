"""What one key alone cannot show: releases, applications, instance types, sizes together.

Pure. Each check yields `(path, sentence)`; `core.resolve` adds the place. The rules
are EMR's unless a comment says that they are ours.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from selfserve.core.did_you_mean import closest, did_you_mean
from selfserve.core.instances import InstanceTable
from selfserve.core.profile import PINS, Bootstrap, Fleet, Profile
from selfserve.core.releases import Release, ReleaseTable

Found = tuple[str, str]

MAX_AGE_SCRIPT = "max-age.sh"
BUSY_PROBE_SCRIPT = "busy-probe.py"

# They run beside YARN, so EMR cannot see their work.
_QUERY_ENGINES = ("trino", "presto", "prestosql")
# https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-spark810-release.html
_GONE_IN_SPARK_RELEASES = ("emrfs-site", "hive-", "presto-", "trino-", "zeppelin-", "hue-")


def check(profile: Profile, *, releases: ReleaseTable, instances: InstanceTable) -> list[Found]:
    """Everything wrong with a profile that the schema accepts."""
    release = pinned_release(profile, releases)
    found = [*_applications(profile, releases), *_sizes(profile), *_shutdown(profile)]
    found += _instance_types(profile, instances)
    if release is None:
        return [*_pin(profile, releases), *found]
    found += [*_unbounded(profile, release), *_lacking(profile, release, releases)]
    found += _unsupported_types(profile, release, instances)
    return [*found, *_classifications(profile, release)]


def pinned_release(profile: Profile, releases: ReleaseTable) -> Release | None:
    """The release that the profile pins; None when no release fits.

    `spark` and `trino` pin the newest release with that version that has every
    application; failing that the newest with the version, so that the lacking
    application can be named.
    """
    if profile.release is not None:
        return releases.by_label(profile.release)
    choose = partial(releases.choose, spark=profile.spark, trino=profile.trino)
    return choose(applications=profile.applications) or choose()


def _pin(profile: Profile, releases: ReleaseTable) -> Iterator[Found]:
    if profile.release is not None:
        labels = [release.label for release in releases.releases]
        meant = did_you_mean(profile.release, labels)
        yield "release", f"there is no EMR release {profile.release!r} in our table{meant}"
    for key, wanted, application in (
        ("spark", profile.spark, "Spark"),
        ("trino", profile.trino, "Trino"),
    ):
        if wanted is not None:
            versions = releases.versions(application)
            nearest = _nearest_version(wanted, versions)
            text = f"no EMR release has {application} {wanted}; did you mean {nearest}?"
            yield key, f"{text} There are {', '.join(versions)}"


def _nearest_version(wanted: str, versions: Sequence[str]) -> str:
    """The newest version of the same line, else whatever is spelled most like it."""
    for length in (2, 1):
        line = wanted.split(".")[:length]
        same = [version for version in versions if version.split(".")[:length] == line]
        if same:
            return same[0]
    return closest(wanted, versions) or versions[0]


def _applications(profile: Profile, releases: ReleaseTable) -> Iterator[Found]:
    folded = [name.casefold() for name in profile.applications]
    known = releases.application_names()
    known_folded = {name.casefold() for name in known} | {"prestosql"}
    for index, name in enumerate(profile.applications):
        path = f"applications[{index}]"
        if folded.index(name.casefold()) != index:
            yield path, f"{name} is listed twice"
        elif name.casefold() not in known_folded:
            yield path, f"EMR has no application {name!r}{did_you_mean(name, known)}"
    if {"trino", "presto"} <= set(folded):
        yield "applications", "Trino and Presto cannot run on one cluster; keep one"
    if profile.spark is not None and "spark" not in folded:
        yield "applications", "`spark` pins the versions, but Spark is not among the applications"


def _lacking(profile: Profile, release: Release, releases: ReleaseTable) -> Iterator[Found]:
    known = {name.casefold() for name in releases.application_names()}
    for index, name in enumerate(profile.applications):
        if name.casefold() in known and release.lacks(name):
            having = ", ".join(_spans(releases, name))
            yield f"applications[{index}]", f"{release.label} has no {name}; it is in {having}"


def _spans(releases: ReleaseTable, application: str) -> Iterator[str]:
    """The releases that have it, as `oldest to newest` of each major version."""
    having = releases.having(application)
    for major in sorted({release.number[0] for release in having}, reverse=True):
        labels = [release.label for release in having if release.number[0] == major]
        yield labels[0] if len(labels) == 1 else f"{labels[-1]} to {labels[0]}"


def _fleets(profile: Profile) -> Iterator[tuple[str, Fleet]]:
    yield "nodes.primary", profile.nodes.primary
    yield "nodes.core", profile.nodes.core
    if profile.nodes.task is not None:
        yield "nodes.task", profile.nodes.task


def _instance_types(profile: Profile, instances: InstanceTable) -> Iterator[Found]:
    for path, fleet in _fleets(profile):
        for index, name in enumerate(fleet.types):
            at = f"{path}.types[{index}]"
            if fleet.types.index(name) != index:
                yield at, f"{name} is listed twice"
            elif (known := instances.get(name)) is None:
                meant = did_you_mean(name, instances.types)
                yield at, f"{name!r} is no instance type that we know{meant}"
            elif not known.offered_by_emr:
                larger = closest(f"{name.split('.')[0]}.xlarge", _offered(instances))
                yield at, f"EMR does not offer {name}; the smallest like it is {larger}"
    yield from _architectures(profile, instances)


def _offered(instances: InstanceTable) -> list[str]:
    return [known.name for known in instances.types.values() if known.offered_by_emr]


def _architectures(profile: Profile, instances: InstanceTable) -> Iterator[Found]:
    """Ours: a job's packages are built for one architecture, and any node may run them."""
    first: tuple[str, str] | None = None
    for path, fleet in _fleets(profile):
        for index, name in enumerate(fleet.types):
            known = instances.get(name)
            if known is None:
                continue
            if first is None:
                first = known.arch, name
            elif known.arch != first[0]:
                text = f"{name} is {known.arch}, but {first[1]} is {first[0]}; use one of them"
                yield f"{path}.types[{index}]", text


def _unsupported_types(
    profile: Profile, release: Release, instances: InstanceTable
) -> Iterator[Found]:
    for path, fleet in _fleets(profile):
        for index, name in enumerate(fleet.types):
            known = instances.get(name)
            if known is not None and known.offered_by_emr and not known.supported_by(release.label):
                since = ", ".join(known.minimum_labels.values())
                text = f"{release.label} does not support {name}; it takes {since} or newer"
                yield f"{path}.types[{index}]", text


def _sizes(profile: Profile) -> Iterator[Found]:
    scale, core, task = profile.scale, profile.nodes.core, profile.nodes.task
    if scale is None:
        return
    if scale.min > scale.max:
        yield "scale.min", f"min {scale.min} is more than max {scale.max}"
        return
    start = core.count + ((task.count or 1) if task else 0)
    if start > scale.max:
        parts = f"{core.count} core" + (f" and {start - core.count} task" if task else "")
        yield "scale.max", f"max {scale.max} leaves no room for {parts} workers at the start"
    if task is None and core.count < scale.min:
        text = f"count {core.count} is below scale.min {scale.min}, and there are no task nodes"
        yield "nodes.core.count", text
    engines = [name for name in profile.applications if name.casefold() in _QUERY_ENGINES]
    if engines and scale.by == "load" and scale.min != scale.max:
        text = f"managed scaling follows YARN and cannot see {engines[0]}; write `by: hand`"
        yield "scale", f"{text}, and change the size with: selfserve resize NAME --workers N"


def _shutdown(profile: Profile) -> Iterator[Found]:
    """Ours: what ends a cluster must be there, and must not take running queries for idleness."""
    scripts = [action.script for action in profile.bootstrap.values()]
    if MAX_AGE_SCRIPT not in scripts:
        yield "bootstrap", f"nothing would keep shutdown.max_age; name {MAX_AGE_SCRIPT} again"
    for name, action in profile.bootstrap.items():
        if action.script == MAX_AGE_SCRIPT and not _is_told_the_age(action):
            text = "needs {{ max_age_seconds }} for its first argument, or shutdown.max_age is lost"
            yield f"bootstrap.{name}.args", text
    if BUSY_PROBE_SCRIPT not in scripts:
        text = f"nobody could see what works on the cluster; name {BUSY_PROBE_SCRIPT} again"
        yield "bootstrap", text


def _is_told_the_age(timer: Bootstrap) -> bool:
    return bool(timer.args) and "".join(timer.args[0].split()) == "{{max_age_seconds}}"


def _unbounded(profile: Profile, release: Release) -> Iterator[Found]:
    """Ours: a cluster that nobody ends must end by itself."""
    if not release.ends_idle_clusters:
        pin = next(pin for pin in PINS if getattr(profile, pin) is not None)
        yield pin, f"{release.label} has no auto-termination; take emr-5.30.0, emr-6.1.0 or newer"


def _classifications(profile: Profile, release: Release) -> Iterable[Found]:
    if not release.is_spark_only:
        return []
    return [
        (f"conf.{name}", f"{release.label} has no classification {name}")
        for name in profile.conf
        if name.startswith(_GONE_IN_SPARK_RELEASES)
    ]
