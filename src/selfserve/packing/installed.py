"""Which files of an installation by `uv pip install --target` are shipped.

Left out is what differs from machine to machine and what no job needs, so that the same
wheels give the same archive: the scripts that uv writes for this machine's Python, its
own notes, byte code. uv's files are links into its cache: nothing here changes them.
"""

import csv
import io
import os
from collections.abc import Container, Iterable, Iterator
from importlib import metadata
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from selfserve.packing.archive import Member

_NOTES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
"""Who has installed it, and from where; in *.dist-info."""


def distributions(target: Path) -> list[Distribution]:
    """What is installed in the folder `target`, sorted by name."""
    return sorted(metadata.distributions(path=[str(target)]), key=name_of)


def name_of(distribution: Distribution) -> str:
    """The canonical name."""
    return canonicalize_name(distribution.metadata["Name"])


def pins_of(found: Iterable[Distribution]) -> tuple[str, ...]:
    """`name==version` of each, sorted."""
    return tuple(sorted(f"{name_of(one)}=={one.version}" for one in found))


def names_required(found: Iterable[Distribution]) -> frozenset[str]:
    """What these say that they need, extras aside."""
    texts = (text for one in found for text in one.requires or ())
    requirements = (Requirement(text) for text in texts)
    return frozenset(
        canonicalize_name(requirement.name)
        for requirement in requirements
        if "extra" not in str(requirement.marker)
    )


def clashing(found: Iterable[Distribution]) -> list[str]:
    """The canonical names, sorted, of those that want one path with different contents.

    Which of them uv writes last is a matter of chance.
    """
    first: dict[str, tuple[str, str]] = {}
    clashing = set()
    for one in found:
        name = name_of(one)  # parses its METADATA
        for path, digest in _digests(one):
            other, other_digest = first.setdefault(path, (name, digest))
            if digest != other_digest and not _is_dropped_path(PurePosixPath(path)):
                clashing |= {name, other}
    return sorted(clashing)


def members(target: Path, scratch: Path) -> Iterator[Member]:
    """What is shipped of `target`; their RECORDs are written anew in `scratch`."""
    shipped = {path: source for path, source in _files(target) if not _is_dropped(path, source)}
    for path, source in shipped.items():
        if path.name == "RECORD" and path.parent.suffix == ".dist-info":
            record = scratch / path.parent.name
            record.write_text(_shortened(source, shipped), encoding="utf-8")
            yield Member(path, record)
        else:
            yield Member(path, source)


def _shortened(record: Path, shipped: Container[PurePosixPath]) -> str:
    """A RECORD without the files that are left out, in an order of its own."""
    rows = _rows(record.read_text(encoding="utf-8"))
    text = io.StringIO()
    kept = (row for row in rows if PurePosixPath(row[0]) in shipped)
    csv.writer(text, lineterminator="\n").writerows(sorted(kept))
    return text.getvalue()


def _rows(record: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(record)) if row]


def _files(target: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    for folder, _, names in os.walk(target):
        below = PurePosixPath(Path(folder).relative_to(target))
        for name in names:
            yield below / name, Path(folder, name)


def _is_dropped(path: PurePosixPath, source: Path) -> bool:
    if _is_dropped_path(path):
        return True
    return path.parts[0] == "bin" and len(path.parts) == 2 and _is_script(source)


def _is_dropped_path(path: PurePosixPath) -> bool:
    is_note = path.name in _NOTES and path.parent.suffix == ".dist-info"
    return is_note or str(path) == ".lock" or "__pycache__" in path.parts


def _is_script(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(2) == b"#!"


def _digests(one: Distribution) -> Iterator[tuple[str, str]]:
    """Path and digest of each of its files, but of RECORD itself."""
    for path, digest, *_ in _rows(one.read_text("RECORD") or ""):
        if digest:
            yield path, digest
