"""From a profile's name to everything it says: the `extends` chain, overrides, checks.

Pure: `load` is given by the caller, who knows where profiles are kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selfserve.core.checks import check, pinned_release
from selfserve.core.document import Document
from selfserve.core.instances import load_instances
from selfserve.core.merge import DEFAULT, Layers, Origin
from selfserve.core.overrides import Override, parse_override
from selfserve.core.problems import Problem, ProfileError
from selfserve.core.profile import Profile
from selfserve.core.releases import Release, load_releases
from selfserve.core.validate import validate
from selfserve.errors import NotFoundError

__all__ = ["Origin", "Override", "Resolved", "parse_override", "resolve"]

Load = Callable[[str], Document]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A profile with all it inherits, checked, and where each value is from."""

    name: str
    profile: Profile
    origins: Mapping[str, Origin]
    """Dotted path to origin, for every value and every section that a file or flag gave."""
    chain: tuple[str, ...]
    """The profile and its ancestors, itself first."""
    release: Release
    """What `spark`, `release` or `trino` pins."""

    def origin_of(self, path: str) -> Origin:
        """Where the value at `path` is from; `default` if nobody gave it."""
        as_a_list = path[: path.rfind("[")] if path.endswith("]") else path
        return self.origins.get(path) or self.origins.get(as_a_list, DEFAULT)


def resolve(name: str, *, load: Load, overrides: Sequence[Override] = ()) -> Resolved:
    """Merge `name` with what it extends and with `overrides`, and check the whole.

    Raises:
        NotFoundError: `load` knows no such profile.
        ProfileError: with everything that is wrong, each with its place.
    """
    documents = _chain(name, load)
    layers = Layers()
    for _, document in reversed(documents):
        layers.add_document(document)
    for override in overrides:
        if override.path == "extends":
            text = "cannot be changed for one launch; name the other profile instead"
            raise _error(name, [Problem(override.source, "extends", text)])
        layers.add_override(override)
    profile = validate(layers.data, layers.place_of)
    if isinstance(profile, list):
        raise _error(name, profile)
    releases = load_releases()
    problems = [
        Problem(layers.place_of(path), path, text)
        for path, text in check(profile, releases=releases, instances=load_instances())
    ]
    release = pinned_release(profile, releases)
    if problems or release is None:
        raise _error(name, problems)
    return Resolved(
        name=name,
        profile=profile,
        origins=layers.origins,
        chain=tuple(known for known, _ in documents),
        release=release,
    )


def _error(name: str, problems: Sequence[Problem]) -> ProfileError:
    hint = f"Put it right, then check with: selfserve profiles validate {name}"
    if problems and all(problem.place.startswith("--") for problem in problems):
        flags = " and ".join(dict.fromkeys(problem.place for problem in problems))
        hint = f"Put {flags} right; nothing is wrong with the profile itself."
    return ProfileError(f"profile {name}", problems, hint=hint)


def _chain(name: str, load: Load) -> list[tuple[str, Document]]:
    documents = [(name, load(name))]
    while (parent := documents[-1][1].data.get("extends")) is not None:
        child = documents[-1][1]
        place = str(Origin(child.source, child.lines.get("extends")))
        names = [known for known, _ in documents]
        if not isinstance(parent, str):
            raise _error(name, [Problem(place, "extends", "must be the name of a profile")])
        if parent in names:
            circle = " extends ".join([*names[names.index(parent) :], parent])
            raise _error(name, [Problem(place, "extends", f"goes in a circle: {circle}")])
        documents.append((parent, _load_parent(name, parent, place, load)))
    return documents


def _load_parent(name: str, parent: str, place: str, load: Load) -> Document:
    try:
        return load(parent)
    except NotFoundError as error:
        problem = Problem(place, "extends", str(error))
        raise ProfileError(f"profile {name}", [problem], hint=error.hint) from error
