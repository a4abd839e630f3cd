"""Find what packages a job needs, in the files around it."""

import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from selfserve.core.requirements import Requirements, RequirementsKind, name_of
from selfserve.core.requirements_toml import load_toml, parse_inline, parse_project
from selfserve.core.requirements_txt import Line, LineKind, parse_requirements_txt
from selfserve.errors import BadInputError

_PROJECT_FILE = "pyproject.toml"
_LOCK_FILE = "uv.lock"
_TEXT_FILE = "requirements.txt"
_ONLY_BY_LOCK = {
    RequirementsKind.INLINE: ("sources", "index"),
    RequirementsKind.PYPROJECT: ("sources",),
}
"""Keys of [tool.uv] that uv does not heed here without a lock, so other packages would be found."""


def find_requirements(
    job: Path, *, explicit: Path | None = None, project: Path | None = None
) -> Requirements | None:
    """What `job`, a script or a folder, needs; None where nothing says so.

    In this order: the file `explicit`; inline metadata of the script, which then stands
    alone; `project`'s uv.lock or pyproject.toml; a requirements.txt beside the script
    or in the folder. `str()` of the answer says in a few words what was found.

    Raises:
        BadInputError: a file cannot be read, or names what cannot be shipped.
    """
    if explicit is not None:
        return _explicit(explicit)
    folder = job if job.is_dir() else job.parent
    script = job / "__main__.py" if job.is_dir() else job
    if script.suffix == ".py" and script.is_file() and (inline := _inline(script)):
        return inline
    beside = folder / _TEXT_FILE
    found = _project(project) if project is not None else None
    if found is None or (not found.dependencies and found.lock is None and beside.is_file()):
        python = found.requires_python if found else None
        text = _text_file(beside) if beside.is_file() else None
        found = replace(text, requires_python=python) if text else found
    return found


def _explicit(path: Path) -> Requirements:
    if path.is_dir() or not path.exists():
        raise BadInputError(
            f"There is no file {path} with requirements.",
            hint="Name a requirements.txt, a pyproject.toml or a uv.lock: --requirements FILE",
        )
    if path.name.startswith("pylock.") and path.suffix == ".toml":
        raise BadInputError(
            f"{path.name} cannot be read yet.",
            hint="Name a uv.lock, or a requirements.txt: uv export -o requirements.txt",
        )
    if path.name in {_PROJECT_FILE, _LOCK_FILE}:
        found = _project(path.parent)
    elif path.suffix == ".py":
        found = _inline(path)
    else:
        found = _text_file(path)
    if found is None:
        raise BadInputError(
            f"{path} names no packages: it has no {_what_is_missing(path)}.",
            hint="Name another file: --requirements FILE",
        )
    return found


def _what_is_missing(path: Path) -> str:
    return "inline metadata" if path.suffix == ".py" else "[project] table beside it"


def _inline(script: Path) -> Requirements | None:
    found = parse_inline(_read_python(script), script)
    if found is None:
        return None
    lock = script.with_name(f"{script.name}.lock")
    if lock.is_file():
        return replace(found, lock=lock, options=_index_options(found.uv_settings))
    return _without_lock(found, f"uv lock --script '{script}'")


def _without_lock(found: Requirements, make_lock: str) -> Requirements:
    """Refuse settings that uv would not heed without a lock."""
    needed = [f"[tool.uv.{key}]" for key in _ONLY_BY_LOCK[found.kind] if key in found.uv_settings]
    if needed:
        raise BadInputError(
            f"{found.path} says with {' and '.join(needed)} where packages come from; "
            "that needs a lock.",
            hint=f"Make one, and keep it beside the file: {make_lock}",
        )
    if found.uv_settings and found.kind is RequirementsKind.INLINE:
        note = f"[tool.uv] of {found.path.name} is not heeded without a lock: {make_lock}"
        return replace(found, notes=(*found.notes, note))
    return found


def _index_options(settings: Mapping[str, Any]) -> tuple[str, ...]:  # Any: TOML
    """The indexes of [tool.uv], so that uv finds what a lock names; the lock's hashes bind."""
    indexes = settings.get("index", [])
    return tuple(
        f"{'--index-url' if index.get('default') else '--extra-index-url'} {index['url']}"
        for index in (indexes if isinstance(indexes, list) else [])
        if isinstance(index, dict) and "url" in index
    )


def _project(folder: Path) -> Requirements | None:
    path = folder / _PROJECT_FILE
    if not path.is_file():
        return None
    document = load_toml(_read(path), path)
    found = parse_project(document, path)
    if found is None:
        return None
    if lock := _lock_of(folder):
        options = _index_options(found.uv_settings)
        return replace(found, kind=RequirementsKind.UV_LOCK, lock=lock, options=options)
    dynamic = document["project"].get("dynamic", [])
    if "dependencies" in dynamic and not (folder / _TEXT_FILE).is_file():
        raise BadInputError(
            f"{path} leaves its dependencies to the build; they are not known without it.",
            hint=f"Make a lock, which holds them: uv lock --project '{folder}'",
        )
    return _without_lock(_without_own_name(found, document), f"uv lock --project '{folder}'")


def _lock_of(folder: Path) -> Path | None:
    """The folder's uv.lock, or that of the workspace that it belongs to."""
    for place in (folder, *folder.absolute().parents):
        lock, project = place / _LOCK_FILE, place / _PROJECT_FILE
        is_workspace = place == folder or (
            project.is_file() and "[tool.uv.workspace]" in _read(project)
        )
        if is_workspace and lock.is_file():
            return lock
    return None


def _without_own_name(found: Requirements, document: dict[str, dict[str, str]]) -> Requirements:
    """A project may name its own extras; those are not expanded."""
    own = canonicalize_name(document["project"].get("name", ""))
    named = [text for text in found.dependencies if name_of(text) == own]
    if named:
        make_lock = f"uv lock --project '{found.path.parent}'"
        raise BadInputError(
            f"{found.path} asks for itself: {named[0]}.",
            hint=f"Make a lock, which holds what that means: {make_lock}",
        )
    return found


@dataclass(slots=True)
class _TextFile:
    """A requirements.txt and what it includes, as it is read."""

    dependencies: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    hashes: dict[str, frozenset[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)

    def read(self, path: Path, *, is_constraint: bool = False) -> None:
        """Add the file `path` and what it includes."""
        if path.resolve() in self.seen:
            return
        self.seen.add(path.resolve())
        for line in parse_requirements_txt(_read(path), path.name):
            self._add(line, path.parent, is_constraint=is_constraint)

    def _add(self, line: Line, folder: Path, *, is_constraint: bool) -> None:
        match line.kind:
            case LineKind.REQUIREMENT:
                (self.constraints if is_constraint else self.dependencies).append(line.text)
                self._add_hashes(line)
            case LineKind.INCLUDE | LineKind.CONSTRAINT:
                below = is_constraint or line.kind is LineKind.CONSTRAINT
                self.read(_included(line, folder), is_constraint=below)
            case LineKind.INDEX:
                self.options.append(line.text)
            case LineKind.FIND_LINKS:
                self.options.append(f"--find-links {_place(line.text, folder)}")
            case LineKind.OWN_PROJECT:
                self._add_own(folder)
            case LineKind.OTHER:
                self.notes.append(f"{line.place}: {line.text} is not heeded")

    def _add_hashes(self, line: Line) -> None:
        if line.hashes:
            name = name_of(line.text)
            self.hashes[name] = self.hashes.get(name, frozenset()) | line.hashes

    def _add_own(self, folder: Path) -> None:
        """`-e .`: its code is shipped with the job; its own requirements belong here."""
        own = _project(folder)
        if own is not None:
            self.dependencies += own.dependencies


def _included(line: Line, folder: Path) -> Path:
    if "://" in line.text:
        raise BadInputError(
            f"{line.place}: files from the web are not read.",
            hint="Download it, and name the file on this machine.",
        )
    return folder / line.text


def _place(links: str, folder: Path) -> str:
    return links if "://" in links else str((folder / links).absolute())


def _text_file(path: Path) -> Requirements:
    text = _TextFile()
    text.read(path)
    return Requirements(
        RequirementsKind.REQUIREMENTS_TXT,
        path,
        dependencies=_unique(text.dependencies),
        hashes=text.hashes,
        constraints=_unique(text.constraints),
        options=_unique(text.options),
        notes=_unique(text.notes),
    )


def _unique(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _read_python(path: Path) -> str:
    """The text of a script in the encoding that it declares."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BadInputError:
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    return BadInputError(
        f"Cannot read {path}: {reason}.", hint=f"Check its name and text: ls -l '{path}'"
    )
