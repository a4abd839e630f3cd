"""Cluster profiles on disk: find them, resolve them, validate them.

Found nearest first: `./cluster_profiles/`, the user's configuration folder, the
ones shipped with selfserve. A name that starts with `_` is a base for others:
it can be extended, but neither launched nor listed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfserve.core.document import Document, parse_document
from selfserve.core.profile import Profile
from selfserve.core.resolve import Override, Resolved, resolve
from selfserve.core.did_you_mean import did_you_mean
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.shipped import shipped_folder

FOLDER = "cluster_profiles"


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """One launchable profile, and where it was found."""

    name: str
    path: Path
    where: str
    """`here`, `yours` or `shipped`."""
    hides: Path | None = None
    """A profile of the same name that would otherwise be found."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validation found in one file."""

    path: Path
    problems: tuple[str, ...] = ()
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class ProfileBook:
    """All profiles that can be found, in the folders that are searched."""

    folders: tuple[tuple[str, Path], ...]
    """Pairs of `here`, `yours` or `shipped` and the folder, nearest first."""

    def entries(self) -> list[ProfileEntry]:
        """Every launchable profile, by name."""
        found: dict[str, ProfileEntry] = {}
        hidden: dict[str, Path] = {}
        for where, folder in self.folders:
            for path in sorted(folder.glob("*.yaml")):
                if path.stem.startswith("_"):
                    continue
                if path.stem in found:
                    hidden.setdefault(path.stem, path)
                else:
                    found[path.stem] = ProfileEntry(path.stem, path, where)
        return [
            ProfileEntry(entry.name, entry.path, entry.where, hidden.get(name))
            for name, entry in sorted(found.items())
        ]

    def load(self, name: str) -> Document:
        """Read and parse the nearest profile of this name, bases included.

        Raises:
            NotFoundError: no folder has it.
            BadInputError: it is not good YAML.
        """
        for _, folder in self.folders:
            path = folder / f"{name}.yaml"
            if path.is_file():
                return _read(path)
        raise self._not_found(name)

    def resolve(self, name: str, overrides: Sequence[Override] = ()) -> Resolved:
        """The profile with everything it extends, and `overrides` on top.

        Raises:
            NotFoundError: there is no such profile.
            BadInputError: it, or a base of it, or an override, is wrong.
        """
        if name.startswith("_"):
            raise BadInputError(
                f"{name} is a base for other profiles and cannot be launched.",
                hint="See what can be launched with: selfserve profiles list",
            )
        return resolve(name, load=self.load, overrides=overrides)

    def validate(self, wanted: Sequence[str] = ()) -> list[Verdict]:
        """Check profiles by name or by path, or every one that can be found.

        Raises:
            NotFoundError: there is no such profile.
        """
        known = {entry.name: entry.path for entry in self.entries()}
        return [self._validate(self._find(item, known)) for item in wanted or known]

    def _find(self, item: str, known: Mapping[str, Path]) -> Path:
        if item in known:
            return known[item]
        path = Path(item)
        if path.suffix in {".yaml", ".yml"} and path.is_file():
            return path
        raise self._not_found(item)

    def _validate(self, path: Path) -> Verdict:
        def load(name: str) -> Document:
            return _read(path) if name == path.stem else self.load(name)

        try:
            resolve(path.stem, load=load)
        except (BadInputError, NotFoundError) as error:
            return Verdict(path, tuple(str(error).splitlines()), error.hint)
        return Verdict(path)

    def _not_found(self, name: str) -> NotFoundError:
        names = [entry.name for entry in self.entries()]
        return NotFoundError(
            f"No profile is called {name}{did_you_mean(name, names)}",
            hint="See all of them with: selfserve profiles list",
        )


def find_profiles(profiles_folder: Path) -> ProfileBook:
    """The profiles of this working directory, of the user and of selfserve."""
    return ProfileBook(
        (
            ("here", Path.cwd() / FOLDER),
            ("yours", profiles_folder),
            ("shipped", shipped_folder(FOLDER)),
        )
    )


def profile_schema() -> Mapping[str, Any]:
    """The JSON Schema of a profile, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Profile.model_json_schema(),
        "title": "selfserve cluster profile",
    }


def _read(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"{path} is not UTF-8 text.", hint=f"Convert it: iconv -t utf-8 {path}"
        ) from error
    return parse_document(text, _nice(path))


def _nice(path: Path) -> str:
    """The path as short as it can be read from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
