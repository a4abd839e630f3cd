"""Saved queries on disk: `top_films.sql` is `@top_films`.

Found nearest first: the folder that SELFSERVE_QUERIES names, `./queries/`, and `queries/`
beside the user's configuration file.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.sql.text.saved import SavedQuery, parse_saved
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.targets.config_file import config_file

FOLDER = "queries"
Folders = Sequence[tuple[str, Path]]
"""Pairs of `named`, `here` or `yours` and the folder, nearest first."""


@dataclass(frozen=True, slots=True)
class SavedEntry:
    """One saved query, and where it was found."""

    name: str
    path: Path
    where: str
    """`named`, `here` or `yours`."""
    query: SavedQuery | None
    """None if the file is wrong."""
    problem: str = ""
    """What is wrong, then: one bad file does not hide the others."""


def query_folders(environ: Mapping[str, str] = os.environ) -> Folders:
    """Where saved queries are looked for."""
    named = environ.get("SELFSERVE_QUERIES")
    return (
        *((("named", Path(named).expanduser()),) if named else ()),
        ("here", Path.cwd() / FOLDER),
        ("yours", config_file(environ).parent / FOLDER),
    )


def find_saved(name: str, folders: Folders | None = None) -> SavedQuery:
    """The nearest saved query of this name, with or without its `@`.

    Raises:
        NotFoundError: there is none.
        BadInputError: its header, or the file, is wrong.
    """
    searched = query_folders() if folders is None else folders
    name = name.removeprefix("@")
    files = _files(searched)
    if name not in files:
        raise NotFoundError(
            f"No saved query is called {name}{did_you_mean(name, files)}",
            hint=f"It would be the file {name}.sql in {_places(searched)}.",
        )
    return _read(files[name][1])


def list_saved(folders: Folders | None = None) -> list[SavedEntry]:
    """Every saved query, by name; the nearest of each name."""
    files = _files(query_folders() if folders is None else folders)
    return [_entry(where, path) for _, (where, path) in sorted(files.items())]


def _files(folders: Folders) -> dict[str, tuple[str, Path]]:
    found: dict[str, tuple[str, Path]] = {}
    for where, folder in folders:
        for path in folder.glob("*.sql"):
            found.setdefault(path.stem, (where, path))
    return found


def _places(folders: Folders) -> str:
    return " or ".join(str(folder) for _, folder in folders)


def _entry(where: str, path: Path) -> SavedEntry:
    try:
        return SavedEntry(path.stem, path, where, _read(path))
    except BadInputError as error:
        return SavedEntry(path.stem, path, where, None, str(error))


def _read(path: Path) -> SavedQuery:
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors of Windows put a mark in front
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"{path} is not UTF-8 text.", hint=f"Convert it: iconv -t utf-8 {path}"
        ) from error
    except OSError as error:
        raise BadInputError(
            f"{path} cannot be read: {error.strerror}.", hint=f"Look at it with: ls -l {path}"
        ) from error
    return parse_saved(path.stem, text)
