"""Read requirements.txt files, and the locks that uv writes in the same format.

Pure. Format: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from selfserve.core.credentials import without_credentials
from selfserve.core.requirements import check_url, parse_requirement
from selfserve.errors import BadInputError

_COMMENT = re.compile(r"(^|\s+)#.*$")  # pip's own rule
_PER_REQUIREMENT = re.compile(r"\s--?[a-z].*$")
_HASH = re.compile(r"--hash[=\s]\s*(?P<hash>\w+:\w+)")
_BARE_URL = re.compile(r"(?!file:)[a-z0-9+]+://")
_PATH_LIKE = re.compile(r"[./~]|file:|[^@;\[<>=!]*/|\S+\.(whl|zip|tar\.gz)$")
_OWN_PROJECT = re.compile(r"(\.|\./|file:\.)(?P<extras>\[.*\])?")


class LineKind(StrEnum):
    """What a line of a requirements file is about."""

    REQUIREMENT = "requirement"
    INCLUDE = "-r"
    CONSTRAINT = "-c"
    INDEX = "an option for uv about indexes"
    FIND_LINKS = "--find-links"
    OWN_PROJECT = "the project around the file, as in -e ."
    OTHER = "an option without a meaning here"


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line."""

    kind: LineKind
    text: str
    """The requirement, the file's name, or the whole option."""
    place: str
    """Such as requirements.txt:3."""
    hashes: frozenset[str] = frozenset()


_OPTIONS = {
    "-r": LineKind.INCLUDE,
    "--requirement": LineKind.INCLUDE,
    "-c": LineKind.CONSTRAINT,
    "--constraint": LineKind.CONSTRAINT,
    "-i": LineKind.INDEX,
    "--index-url": LineKind.INDEX,
    "--extra-index-url": LineKind.INDEX,
    "--no-index": LineKind.INDEX,
    "-f": LineKind.FIND_LINKS,
    "--find-links": LineKind.FIND_LINKS,
}


def parse_requirements_txt(text: str, name: str) -> list[Line]:
    """The lines of a requirements file that is called `name`.

    Raises:
        BadInputError: a line is no requirement, or names what cannot be shipped as a wheel.
    """
    return [_to_line(line, f"{name}:{number}") for number, line in _logical_lines(text)]


def parse_lock(lock: str) -> dict[str, frozenset[str]]:
    """The requirements of uv's own output, with their hashes, in its order."""
    found = (_split_hashes(line) for _, line in _logical_lines(lock) if not line.startswith("-"))
    return dict(found)


def render_lock(pins: dict[str, frozenset[str]]) -> str:
    """The opposite of `parse_lock`: sorted, so that it depends on nothing else."""
    blocks = (
        " \\\n".join((pin, *(f"    --hash={known}" for known in sorted(pins[pin]))))
        for pin in sorted(pins)
    )
    return "".join(f"{block}\n" for block in blocks)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    joined, first = "", 0
    for number, line in enumerate((*text.splitlines(), ""), start=1):
        first = first if joined else number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            joined += f"{line[:-1]} "
            continue
        whole = _COMMENT.sub("", joined + line).strip()
        if whole:
            yield first, whole
        joined = ""


def _to_line(line: str, place: str) -> Line:
    if line.startswith("-"):
        return _to_option(line, place)
    requirement, hashes = _split_hashes(line)
    if _BARE_URL.match(requirement):
        return Line(LineKind.REQUIREMENT, _name_wheel(requirement, place), place, hashes)
    if _PATH_LIKE.match(requirement):
        return _to_local(requirement, place)
    parse_requirement(requirement, place)
    return Line(LineKind.REQUIREMENT, requirement, place, hashes)


def _to_option(line: str, place: str) -> Line:
    name, _, value = re.sub(r"^(--?[\w-]+)[=\s]\s*", "\\1\0", line).partition("\0")
    value = value.strip()
    if name in {"-e", "--editable"}:
        return _to_local(value, place)
    kind = _OPTIONS.get(name, LineKind.OTHER)
    if kind in {LineKind.INCLUDE, LineKind.CONSTRAINT, LineKind.FIND_LINKS}:
        return Line(kind, shlex.split(value)[0] if value else "", place)
    return Line(kind, line if kind is LineKind.INDEX else name, place)


def _to_local(text: str, place: str) -> Line:
    """What pip would install from this machine: only the project itself is fine."""
    own = _OWN_PROJECT.fullmatch(text)
    if own and not own["extras"]:
        return Line(LineKind.OWN_PROJECT, ".", place)
    if own:
        raise BadInputError(
            f"{place}: the extras {own['extras']} of the project itself are not looked up here.",
            hint="Pin them in a lock (uv lock), or name their packages in the file.",
        )
    if "://" in text and not text.startswith("file:"):
        check_url(text, place)
    raise BadInputError(
        f"{place}: {without_credentials(text)} is on this machine; only wheels "
        "that an index or a folder of wheels offers are shipped.",
        hint="Build its wheel, name it with its version, and let it be found: "
        "uv build --wheel --out-dir wheels; export UV_FIND_LINKS=$PWD/wheels",
    )


def _name_wheel(url: str, place: str) -> str:
    """A bare URL of a wheel, or of something that is refused, with the name it lacks."""
    check_url(url, place)
    name = url.partition("#")[0].partition("?")[0].rpartition("/")[2].partition("-")[0]
    return f"{name} @ {url}"


def _split_hashes(line: str) -> tuple[str, frozenset[str]]:
    hashes = frozenset(match["hash"] for match in _HASH.finditer(line))
    return _PER_REQUIREMENT.sub("", line).strip(), hashes
