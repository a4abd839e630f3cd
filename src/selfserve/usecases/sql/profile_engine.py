"""What answers SQL on clusters of a profile, remembered for as long as its files are the same.

To resolve a profile takes longer than a short query. What is remembered is thrown away
when a file of the profile or of what it extends changes, or a nearer one appears.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from selfserve.core.sql.engines import Engine, engine_of
from selfserve.errors import NotFoundError
from selfserve.packing.caches import cache_folder, write_whole
from selfserve.usecases.launches.shipped import shipped_folder
from selfserve.usecases.targets.config_file import profiles_folder

_FORMAT = 1
_Files = Mapping[str, tuple[str, int, int]]
"""By profile: path, time of change in ns, size."""


@dataclass(frozen=True, slots=True)
class ProfileEngine:
    """The engine of a profile's clusters."""

    profile: str
    engine: Engine | None
    """None: nothing there answers SQL."""
    version: str | None
    release: str


def find_engine(name: str) -> ProfileEngine | None:
    """The engine of the profile `name`; None if there is no such profile.

    Raises:
        BadInputError: the profile is wrong.
    """
    memory = _memory_file(name)
    known = _recall(memory)
    if known is not None:
        return known
    try:
        found, chain = _resolve(name)
    except NotFoundError:
        return None
    _remember(memory, found, {part: _stamp(part) for part in chain})
    return found


def _resolve(name: str) -> tuple[ProfileEngine, tuple[str, ...]]:
    from selfserve.usecases.profiles import find_profiles

    resolved = find_profiles(profiles_folder()).resolve(name)
    engine = engine_of(resolved.profile.applications)
    versions = {app.casefold(): of for app, of in resolved.release.applications.items()}
    version = versions.get(engine.value) if engine else None
    found = ProfileEngine(name, engine, version, resolved.release.label)
    return found, resolved.chain


def _memory_file(name: str) -> Path:
    folders = "\0".join(map(str, _folders()))
    digest = hashlib.sha256(f"{folders}\0{name}".encode()).hexdigest()
    return cache_folder() / "sql-engines" / f"{digest[:32]}.json"


def _folders() -> tuple[Path, ...]:
    """Where profiles are looked for, as `find_profiles` does."""
    return (
        Path.cwd() / "cluster_profiles",
        profiles_folder(),
        shipped_folder("cluster_profiles"),
    )


def _stamp(profile: str) -> tuple[str, int, int] | None:
    for folder in _folders():
        path = folder / f"{profile}.yaml"
        with contextlib.suppress(OSError):
            found = path.stat()
            return str(path), found.st_mtime_ns, found.st_size
    return None


def _recall(memory: Path) -> ProfileEngine | None:
    try:
        facts = json.loads(memory.read_bytes())
        if facts["format"] != _FORMAT:
            return None
        files = facts["files"]
        if any(list(_stamp(name) or ()) != stamp for name, stamp in files.items()):
            return None
        engine = Engine(facts["engine"]) if facts["engine"] else None
        return ProfileEngine(facts["profile"], engine, facts["version"], facts["release"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # a memory that cannot be read is none


def _remember(
    memory: Path, found: ProfileEngine, files: Mapping[str, tuple[str, int, int] | None]
) -> None:
    facts = {
        "format": _FORMAT,
        "profile": found.profile,
        "engine": found.engine,
        "version": found.version,
        "release": found.release,
        "files": files,
    }
    with contextlib.suppress(OSError):  # it is only a memory
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_whole(memory, json.dumps(facts))
