"""Build the archive of a job's packages: wheels for the cluster's Python, not this machine's.

uv resolves and installs; here is what surrounds it: what never goes with a job, the
same bytes for the same packages, and nothing done twice.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from selfserve.core.program import PythonTarget
from selfserve.core.python_target import in_words
from selfserve.core.requirements import Requirements, check_python, name_of
from selfserve.core.requirements_txt import parse_lock, render_lock
from selfserve.errors import BadInputError
from selfserve.packing import installed
from selfserve.packing.archive import PackedArchive, pack
from selfserve.packing.pruning import prune
from selfserve.packing.resolving import FROM_CLUSTER, Resolver, for_target
from selfserve.packing.uv_failures import explain
from selfserve.packing.uv_tool import Uv, UvError
from selfserve.packing.wheel_cache import Entry, WheelCache

Report = Callable[[str], None]

_FORMAT = 1
"""Of the archive: raise it when the same packages are to give other bytes."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """A job's packages, packed."""

    archive: PackedArchive
    lock: str
    """Every package with its hashes, in the format of requirements.txt; holds no index."""
    pins: tuple[str, ...]
    """`name==version` of each, sorted."""


def build_dependencies(
    requirements: Requirements,
    target: PythonTarget,
    *,
    cache: Path,
    uv: Uv,
    upgrade: bool = False,
    report: Report,
    spark: str | None = None,
) -> Dependencies | None:
    """The archive of what `requirements` names and all that needs; None if that is nothing.

    Unchanged requirements give what was built before, without asking uv, unless
    `upgrade`. pyspark and py4j are never in it; `report` is told so, and also where
    another pyspark is named than the cluster's, which is `spark`.

    Raises:
        BadInputError: there is no solution, a package has no wheel for `target`, or
            `target` is not of the Pythons that `requirements` allows, or the folder
            `cache` cannot be written.
        NoAnswerError: the package index cannot be reached.
        OSError: the lock cannot be read.
    """
    check_python(requirements.requires_python, target, requirements.path)
    store = WheelCache(cache)
    key = _key(requirements, target)
    entry = None if upgrade else store.find(key)
    if entry is None:
        for note in (*requirements.notes, *_notes_about_spark(requirements, spark)):
            report(note)
        work = _Work(uv, report, refresh=upgrade)
        try:
            entry = _build(requirements, target, store, work)
            store.save(key, entry)
            prune(cache)
        except OSError as error:
            raise BadInputError(
                f"Cannot put the job's packages into {cache}: {error.strerror}.",
                hint="Free some space, or choose another folder: export SELFSERVE_CACHE=/path",
            ) from error
    return Dependencies(entry.archive, entry.lock, entry.pins) if entry.archive else None


@dataclass(frozen=True, slots=True)
class _Work:
    uv: Uv
    report: Report
    refresh: bool


def _key(requirements: Requirements, target: PythonTarget) -> str:
    """The digest of all that decides; neither a path nor a version of uv is part of it."""
    lock = requirements.lock.read_bytes() if requirements.lock else b""
    decisive = {
        "format": _FORMAT,
        "target": [target.version, target.platform],
        "dependencies": requirements.dependencies,
        "constraints": requirements.constraints,
        "options": requirements.options,
        "hashes": {name: sorted(known) for name, known in requirements.hashes.items()},
        "uv": requirements.uv_settings,
        "lock": hashlib.sha256(lock).hexdigest(),
    }
    text = json.dumps(decisive, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _build(
    requirements: Requirements, target: PythonTarget, store: WheelCache, work: _Work
) -> Entry:
    if requirements.lock is None and not _to_install(requirements):
        return Entry(None, "", ())
    with store.scratch() as scratch:
        resolver = Resolver(work.uv, scratch)
        try:
            lock = resolver.lock(requirements, target, refresh=work.refresh)
            if not lock:
                return Entry(None, "", ())
            work.report(f"installing {_number(lock)} for {in_words(target)}")
            folder = _Installation(work.uv, scratch, requirements, target).install(lock)
        except UvError as error:
            raise explain(error, target, _probe(resolver, requirements)) from error
        return _pack(folder, lock, requirements, store, report=work.report)


def _number(lock: str) -> str:
    names = {name_of(pin) for pin in parse_lock(lock)}
    return "1 package" if len(names) == 1 else f"{len(names)} packages"


def _to_install(requirements: Requirements) -> list[str]:
    """The dependencies that do not come from the cluster."""
    return [text for text in requirements.dependencies if name_of(text) not in FROM_CLUSTER]


def _probe(
    resolver: Resolver, requirements: Requirements
) -> Callable[[str, PythonTarget], str | None]:
    def probe(requirement: str, target: PythonTarget) -> str | None:
        try:
            return resolver.probe(requirement, target, requirements) or None
        except UvError:
            return None  # it only looks for a better hint

    return probe


@dataclass(frozen=True, slots=True)
class _Installation:
    uv: Uv
    scratch: Path
    requirements: Requirements
    target: PythonTarget

    def install(self, lock: str) -> Path:
        """Install exactly what `lock` says, and return the folder. Raises UvError."""
        folder = self.scratch / "packages"
        self._run(folder, parse_lock(lock))
        if clashing := installed.clashing(installed.distributions(folder)):
            # Which one has won is chance; one after the other, the last in the alphabet wins.
            for name in clashing:
                same = {pin: known for pin, known in parse_lock(lock).items() if _is(name, pin)}
                self._run(folder, same, "--reinstall")
        return folder

    def _run(self, folder: Path, pins: dict[str, frozenset[str]], *extra: str) -> None:
        wanted = self.scratch / "install.txt"
        options = "".join(f"{line}\n" for line in self.requirements.options)
        wanted.write_text(options + render_lock(pins), encoding="utf-8")
        exact = ["--no-deps", "--require-hashes", "--no-compile-bytecode", *for_target(self.target)]
        into = ["--target", str(folder), "--link-mode", "hardlink", "--requirements", str(wanted)]
        beside = self.requirements.path.absolute().parent
        self.uv.run(["pip", "install", "--quiet", *exact, *into, *extra], folder=beside)


def _is(name: str, pin: str) -> bool:
    return name_of(pin) == name


def _pack(
    folder: Path, lock: str, requirements: Requirements, store: WheelCache, *, report: Report
) -> Entry:
    found = installed.distributions(folder)
    if not found:  # all of the lock is for other targets
        return Entry(None, "", ())
    direct = {name_of(text) for text in requirements.dependencies}
    for name in sorted(installed.names_required(found) & set(FROM_CLUSTER) - direct):
        report(f"{name} comes from the cluster and is not shipped")
    shipped = {installed.name_of(one): one.version for one in found}
    pins = {pin: known for pin, known in parse_lock(lock).items() if _is_shipped(pin, shipped)}
    with store.scratch() as scratch:
        archive = pack(installed.members(folder, scratch), store.packages)
    return Entry(archive, render_lock(pins), installed.pins_of(found))


def _is_shipped(pin: str, shipped: dict[str, str]) -> bool:
    """Whether a line of an exported lock, which is for every target, is what was installed."""
    requirement = Requirement(pin)
    version = shipped.get(name_of(pin))
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _notes_about_spark(requirements: Requirements, spark: str | None) -> Iterable[str]:
    for text in requirements.dependencies:
        requirement = Requirement(text)
        name = name_of(text)
        if name not in FROM_CLUSTER:
            continue
        yield f"{name} comes from the cluster and is not shipped"
        if requirement.extras:
            extras = ", ".join(sorted(requirement.extras))
            yield f"{text}: name the packages of the extras {extras} yourself, such as pandas"
        if spark and name == "pyspark" and not requirement.specifier.contains(spark):
            yield f"{requirements.path.name} asks for {text}, but the cluster has Spark {spark}"
