"""Read what a project's pyproject.toml says about its package: can it be built, where it starts."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfserve.core.program import Entry, EntryKind
from selfserve.errors import BadInputError

FILE_NAME = "pyproject.toml"

_ENTRY_POINT = re.compile(r"\s*([\w.]+)\s*:\s*([\w.]+)\s*(\[.*\])?\s*")
"""https://packaging.python.org/specifications/entry-points/"""


@dataclass(frozen=True, slots=True)
class Project:
    """A project with a package that can be built."""

    folder: Path
    name: str
    scripts: Mapping[str, str]

    def packages(self) -> dict[str, Path]:
        """The packages and modules in its folder and in `src`, by the name they are imported by."""
        found: dict[str, Path] = {}
        for place in (self.folder, self.folder / "src"):
            for init in sorted(place.glob("*/__init__.py")):
                found[init.parent.name] = init.parent
        for module in sorted((self.folder / "src").glob("*.py")):
            found.setdefault(module.stem, module)
        return found


def read_project(folder: Path) -> Project | None:
    """Return the project in `folder`; None when there is none, or nothing to build in it.

    uv's own rule: a project is built if it has a build system, or asks for it
    (https://docs.astral.sh/uv/concepts/projects/config/#project-packaging).

    Raises:
        BadInputError: pyproject.toml cannot be read, or is not TOML.
    """
    file = folder / FILE_NAME
    if not file.is_file():
        return None
    data = _read(file)
    project, uv = _table(data, "project"), _table(_table(data, "tool"), "uv")
    is_built = uv.get("package", "build-system" in data)
    if not project or not is_built:
        return None
    scripts = {str(name): str(target) for name, target in _table(project, "scripts").items()}
    return Project(folder, str(project.get("name", folder.name)), scripts)


def find_project_above(folder: Path) -> Project | None:
    """Return the project that `folder` belongs to, looking up to the repository or home folder."""
    for place in (folder, *folder.parents):
        if place == Path.home():
            return None
        if (place / FILE_NAME).is_file():
            return read_project(place)
        if (place / ".git").exists():
            return None
    return None


def choose_entry(project: Project) -> Entry:
    """Return where `project` starts: its package's `__main__`, else its only script.

    Raises:
        BadInputError: there is nothing to start, or more than one thing.
    """
    mains = [name for name, path in project.packages().items() if (path / "__main__.py").is_file()]
    own_name = re.sub(r"[-.]+", "_", project.name).lower()
    if own_name in mains:
        mains = [own_name]
    if len(mains) == 1:
        return Entry(EntryKind.MODULE, mains[0])
    if mains or len(project.scripts) != 1:
        raise _unclear(project, mains)
    name, target = next(iter(project.scripts.items()))
    match = _ENTRY_POINT.fullmatch(target)
    if match is None:
        raise BadInputError(
            f"{project.folder / FILE_NAME}: the script {name} is {target!r}, not module:function.",
            hint=f'Correct it, such as: {name} = "{own_name}.cli:main"',
        )
    return Entry(EntryKind.FUNCTION, f"{match[1]}:{match[2]}")


def _unclear(project: Project, mains: list[str]) -> BadInputError:
    choices = [f"python -m {name}" for name in mains] or [
        f"{name} = {target}" for name, target in sorted(project.scripts.items())
    ]
    if not choices:
        return BadInputError(
            f"{project.folder} says nowhere where it starts: no __main__.py in the folder "
            "or in its package, and nothing in [project.scripts].",
            hint=f"Write {project.folder / '__main__.py'}, or submit one of its files: "
            f"selfserve submit {project.folder}/FILE.py",
        )
    return BadInputError(
        f"{project.folder} can start in {len(choices)} ways: {'; '.join(choices)}.",
        hint=f"Write {project.folder / '__main__.py'} that calls the one you want.",
    )


def _read(file: Path) -> dict[str, Any]:  # any TOML
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # a TOMLDecodeError and a UnicodeDecodeError are both
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadInputError(
            f"Cannot read {file}: {reason}.",
            hint="See what it may hold: https://packaging.python.org/specifications/pyproject-toml/",
        ) from error


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}
