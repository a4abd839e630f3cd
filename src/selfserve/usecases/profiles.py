"""Cluster profiles on disk: find them, resolve them, validate them.

Found nearest first: `./cluster_profiles/`, the user's configuration folder, the
ones shipped with selfserve. A name that starts with `_` is a base for others:
it can be extended, but neither launched nor listed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.document import Document, parse_document
from selfserve.core.durations import format_duration
from selfserve.core.problems import ProfileError
from selfserve.core.resolve import Override, Resolved, resolve
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.launches.shipped import shipped_folder

FOLDER = "cluster_profiles"


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """One launchable profile, and where it was found."""

    name: str
    path: Path
    where: str
    """`here`, `yours` or `shipped`."""
    description: str


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a resolved profile, and where it was given."""

    path: str
    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validation found in one file."""

    path: Path
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileBook:
    """All profiles that can be found, in the folders that are searched."""

    folders: tuple[tuple[str, Path], ...]
    """Pairs of `here`, `yours` or `shipped` and the folder, nearest first."""

    def entries(self) -> list[ProfileEntry]:
        """Every launchable profile, by name; the nearest of each name."""
        found: dict[str, ProfileEntry] = {}
        for where, folder in self.folders:
            for path in sorted(folder.glob("*.yaml")):
                if not path.stem.startswith("_") and path.stem not in found:
                    found[path.stem] = ProfileEntry(path.stem, path, where, _description(path))
        return [entry for _, entry in sorted(found.items())]

    def load(self, name: str) -> Document:
        """Read and parse the nearest profile of this name, bases included.

        Raises:
            NotFoundError: no folder has it.
            BadInputError: it is not good YAML.
        """
        return _read(self._find(name))

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
        return [self._validate(self._find(item)) for item in wanted or self._launchable()]

    def _launchable(self) -> list[str]:
        """Names of the profiles that can be launched; reads no file."""
        paths = [path for _, folder in self.folders for path in folder.glob("*.yaml")]
        return sorted({path.stem for path in paths if not path.stem.startswith("_")})

    def _find(self, item: str) -> Path:
        """The file of a profile given by name or by path."""
        for _, folder in self.folders:
            path = folder / f"{item}.yaml"
            if path.is_file():
                return path
        path = Path(item)
        if path.suffix in {".yaml", ".yml"} and path.is_file():
            return path
        raise NotFoundError(
            f"No profile is called {item}{did_you_mean(item, self._launchable())}",
            hint="See all of them with: selfserve profiles list",
        )

    def _validate(self, path: Path) -> Verdict:
        def load(name: str) -> Document:
            return _read(path) if name == path.stem else self.load(name)

        from selfserve.core.render import check_templates

        try:
            check_templates(resolve(path.stem, load=load))
        except ProfileError as error:
            return Verdict(path, tuple(map(str, error.problems)))
        except BadInputError as error:
            return Verdict(path, (str(error),))
        return Verdict(path)


def find_profiles(profiles_folder: Path) -> ProfileBook:
    """The profiles of this working directory, of the user and of selfserve."""
    return ProfileBook(
        (
            ("here", Path.cwd() / FOLDER),
            ("yours", profiles_folder),
            ("shipped", shipped_folder(FOLDER)),
        )
    )


def list_values(resolved: Resolved) -> list[Value]:
    """Every value of the profile, in the schema's order, with its origin or `default`."""
    given = dict(_leaves("", resolved.profile.model_dump(exclude_unset=True)))
    return [
        Value(path, text, str(resolved.origin_of(path)) if path in given else "default")
        for path, text in _leaves("", resolved.profile.model_dump())
    ]


def _leaves(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), part)
    elif isinstance(value, timedelta):
        yield path, format_duration(value)
    elif isinstance(value, list | tuple):
        yield path, ", ".join(map(str, value))
    elif value not in {None, ""}:
        yield path, str(value)


def _description(path: Path) -> str:
    """For a listing, which must not stop at one bad file; `validate` tells what is wrong."""
    try:
        return str(_read(path).data.get("description", ""))
    except BadInputError:
        return "(cannot be read; see: selfserve profiles validate)"


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
