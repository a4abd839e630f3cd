"""The Python packages that a job asks for, and what of them can be shipped at all.

Pure. `core.requirements_toml` and `core.requirements_txt` read them from texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from selfserve.core.credentials import holds_credentials, without_credentials
from selfserve.core.program import PythonTarget
from selfserve.errors import BadInputError


class RequirementsKind(StrEnum):
    """Where a job's packages are named."""

    INLINE = "inline metadata"
    REQUIREMENTS_TXT = "requirements.txt"
    PYPROJECT = "pyproject.toml"
    UV_LOCK = "uv.lock"


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a job needs, as its author has written it down."""

    kind: RequirementsKind
    path: Path
    """The file in which it stands."""
    requires_python: str | None = None
    dependencies: tuple[str, ...] = ()
    """Requirements of PEP 508, without hashes."""
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """`sha256:…` by canonical name, where the author has given some."""
    constraints: tuple[str, ...] = ()
    options: tuple[str, ...] = field(default=(), repr=False)  # an index URL can hold a password
    """Lines for uv about indexes, such as `--extra-index-url URL`."""
    lock: Path | None = None
    """A uv.lock, or the lock of a script, that pins everything."""
    uv_settings: Mapping[str, Any] = field(default_factory=dict, repr=False)  # Any: TOML
    """The table [tool.uv]: what else decides about the outcome."""
    notes: tuple[str, ...] = ()
    """What the user should know about how it was understood."""

    def __str__(self) -> str:
        """Such as `requirements.txt, 3 packages`."""
        number = len(self.dependencies)
        packages = "1 package" if number == 1 else f"{number} packages"
        if self.kind is RequirementsKind.INLINE:
            pinned = f", pinned by {self.lock.name}" if self.lock else ""
            return f"{self.kind} of {self.path.name}, {packages}{pinned}"
        return f"{(self.lock or self.path).name}, {packages}"


def parse_requirement(text: str, place: str) -> Requirement:
    """One requirement as PEP 508 has it; `place` is where it stands, for the error.

    Raises:
        BadInputError: it is none, or names something that is not a wheel.
    """
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise BadInputError(
            f"{place}: {without_credentials(text)!r} is not a requirement: {reason}.",
            hint="Write it like: pandas>=2.2,<3",
        ) from error
    if requirement.url is not None:
        check_url(requirement.url, place)
    return requirement


def name_of(requirement: str) -> str:
    """The canonical name of the package that a valid `requirement` asks for."""
    return canonicalize_name(Requirement(requirement).name)


def check_url(url: str, place: str) -> None:
    """Refuse what is not a wheel on the web, and passwords. Raises BadInputError."""
    shown = without_credentials(url)
    path = url.partition("#")[0].partition("?")[0]
    if not url.startswith(("http://", "https://")) or not path.endswith(".whl"):
        raise BadInputError(
            f"{place}: {shown} would have to be built; only wheels are shipped.",
            hint="Build it once, name it with its version, and let it be found: "
            "uv build --wheel --out-dir wheels; export UV_FIND_LINKS=$PWD/wheels",
        )
    if holds_credentials(url):
        raise BadInputError(
            f"{place}: {shown} holds a password, which would go into the run's record.",
            hint="Put it into ~/.netrc, which uv reads, and remove it from the URL.",
        )


def check_python(requires_python: str | None, target: PythonTarget, path: Path) -> None:
    """Refuse a `requires-python` that the target cannot meet.

    The target is known as X.Y, so a patch level that some X.Y.Z can have is met.

    Raises:
        BadInputError: it cannot be met, or is not a specifier.
    """
    if not requires_python:
        return
    try:
        wanted = SpecifierSet(requires_python)
    except InvalidSpecifier as error:
        raise BadInputError(
            f"{path}: requires-python = {requires_python!r} is not a range of versions.",
            hint='Write it like: requires-python = ">=3.9"',
        ) from error
    if not any(wanted.contains(f"{target.version}.{patch}") for patch in range(100)):
        raise BadInputError(
            f"{path.name} requires Python {requires_python}, "
            f"but the cluster's PySpark runs on {target.version}.",
            hint="See which release has which Python: selfserve profiles show NAME; "
            "or widen requires-python.",
        )
