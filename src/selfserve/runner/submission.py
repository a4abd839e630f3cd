"""What to run, from the run's submission.json. Fields that are not needed here are ignored."""

import json
import re
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from .errors import SubmissionError

PATH, MODULE, FUNCTION = "path", "module", "function"

_NAME = r"[^\W\d]\w*"
_DOTTED = rf"{_NAME}(\.{_NAME})*"
_TARGETS = {
    PATH: re.compile(r".+", re.DOTALL),
    MODULE: re.compile(_DOTTED),
    FUNCTION: re.compile(f"{_DOTTED}:{_DOTTED}"),
}


@dataclass(frozen=True)
class Entry:
    """Where the job starts: `python TARGET`, `python -m TARGET`, or `module:function`."""

    kind: str
    target: str


@dataclass(frozen=True)
class Archive:
    """A .tar.gz, and the SHA-256 of it and of its member SHA256SUMS."""

    uri: str
    sha256: str
    sums_sha256: str


@dataclass(frozen=True)
class Secret:
    """An environment variable of the job, and where its value is kept."""

    name: str
    reference: str


@dataclass(frozen=True)
class Submission:
    """One job, by reference."""

    name: str
    args: Tuple[str, ...]
    entry: Entry
    code: Archive
    dependencies: Optional[Archive]
    secrets: Tuple[Secret, ...]


def parse_submission(text: bytes) -> Submission:
    """Read submission.json.

    Raises:
        SubmissionError: it is no JSON, lacks a field, or has an entry of an unknown kind.
    """
    try:
        record = json.loads(text.decode("utf-8"))
        program = record["program"]
        dependencies = program.get("dependencies")
        return Submission(
            name=str(program["name"]),
            args=tuple(str(argument) for argument in record["args"]),
            entry=_entry(program["entry"]),
            code=_archive(program["code"]),
            dependencies=_archive(dependencies) if dependencies else None,
            secrets=tuple(
                Secret(secret["name"], secret["reference"]) for secret in record.get("secrets", ())
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SubmissionError(
            f"submission.json does not say what to run: {type(error).__name__}: {error}."
        ) from error


def _entry(record: Dict[str, Any]) -> Entry:
    kind, target = str(record["kind"]), str(record["target"])
    if kind not in _TARGETS:
        raise ValueError(f"there is no entry of kind {kind!r}")
    if not _TARGETS[kind].fullmatch(target):
        raise ValueError(f"{target!r} is no {kind}")
    return Entry(kind, target)


def _archive(record: Dict[str, Any]) -> Archive:
    return Archive(str(record["uri"]), str(record["sha256"]), str(record["sums_sha256"]))
