"""Python tracebacks as text: find them, and keep the frames of the user's own files. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_START = "Traceback (most recent call last):"
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
# What Spark prefixes a worker's traceback with, inside a message: two spaces at most.
_NOT_THE_USERS = re.compile(
    r"""(?x) (?:^|[/\\])(?:site-packages|dist-packages|pyspark|py4j|lib/python3[^/]*)[/\\]
    | \.(?:zip|egg|whl)/ (?:pyspark|py4j|selfserve) | (?:pyspark|py4j[^/]*-src)\.zip
    | selfserve_deps | selfserve[^/]*runner | ^<(?:frozen|string|stdin)"""
)
# Spark shows a worker's traceback without its own frames; what stands before it tells.
_BEFORE_A_WORKERS = re.compile(r"PythonException|thrown from the Python worker")
_BEFORE_CHARS = 300
# Where a node has put the user's files; on their own machine the rest is what they know.
_ON_A_NODE = re.compile(r"^.*/(?:selfserve-[a-z0-9_]{8}|selfserve_code)/")
_FRAMES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of a traceback."""

    file: str
    line: int
    function: str
    lines: tuple[str, ...]
    """As printed: the place, and the source line when it is there."""

    @property
    def is_users(self) -> bool:
        """Whether it is in a file of the user's, and not in Python, Spark or a package."""
        return not _NOT_THE_USERS.search(self.file)

    @property
    def place(self) -> str:
        """Such as "line 12 of train.py"."""
        return f"line {self.line} of {self.file.rpartition('/')[2]}"


@dataclass(frozen=True, slots=True)
class Traceback:
    """The frames of one traceback, outermost first, and the exception at its end."""

    frames: tuple[Frame, ...]
    error: str
    """Type and message, the first line."""
    is_workers: bool
    """Whether it happened in a Python worker on an executor, and not in the job's own process."""

    @property
    def users_frames(self) -> tuple[Frame, ...]:
        """Those in the user's own files."""
        return tuple(frame for frame in self.frames if frame.is_users)

    def shown(self) -> tuple[str, ...]:
        """The last frames of the user's, else the very last one, and the exception."""
        frames = self.users_frames[-_FRAMES_SHOWN:] or (() if self.is_workers else self.frames[-1:])
        lines = [line for frame in frames for line in frame.lines]
        return (*lines, self.error)


def parse_tracebacks(text: str) -> list[Traceback]:
    """Every traceback in `text`, in order: causes before what they have caused."""
    found: list[Traceback] = []
    before, *parts = text.split(_START)
    for part in parts:
        is_workers = bool(_BEFORE_A_WORKERS.search(before[-_BEFORE_CHARS:]))
        traceback = _parse(part.splitlines(), is_workers=is_workers)
        if traceback is not None:
            found.append(traceback)
        before = part
    return found


def users_place(text: str) -> str | None:
    """Where in the user's files the last traceback with such a frame has failed."""
    for found in reversed(parse_tracebacks(text)):
        if found.users_frames:
            return found.users_frames[-1].place
    return None


def _parse(lines: Sequence[str], *, is_workers: bool) -> Traceback | None:
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        match = _FRAME.match(line)
        if match:
            frames.append(_frame(match))
        elif frames and line.startswith((" ", "\t")):
            frames[-1] = _with_source(frames[-1], line)
        elif line.strip():
            is_workers = is_workers or any(map(_is_in_worker, frames))
            return Traceback(tuple(frames), _error(lines[number:]), is_workers)
    return None  # cut off before its end


def _is_in_worker(frame: Frame) -> bool:
    return frame.file.endswith(("pyspark/worker.py", "pyspark/daemon.py", "pyspark.zip/worker.py"))


def _error(lines: Sequence[str]) -> str:
    """Type and message on one line; Spark begins its messages with an empty one."""
    written = [line.strip() for line in lines if line.strip()][:2]
    return " ".join(written) if written[0].endswith(":") else written[0]


def _frame(match: re.Match[str]) -> Frame:
    function, file = match["function"] or "", _ON_A_NODE.sub("", match["file"])
    inside = f", in {function}" if function else ""
    place = f'File "{file}", line {match["line"]}{inside}'
    return Frame(file, int(match["line"]), function, (place,))


def _with_source(frame: Frame, line: str) -> Frame:
    """Add the source line; not the ^^^^ that newer Pythons print below it."""
    if len(frame.lines) > 1 or not line.strip(" \t^~"):
        return frame
    return Frame(frame.file, frame.line, frame.function, (*frame.lines, f"  {line.strip()}"))
