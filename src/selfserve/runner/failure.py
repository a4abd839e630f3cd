"""What ended the job, as data: kept in a file by the job's process, read by the supervisor."""

import json
import re
import traceback
import types
from pathlib import Path
from typing import Any, Callable, Collection, Dict, Optional

from .archives import CODE, DEPENDENCIES
from .java import java_cause

MESSAGE_LIMIT = 20_000  # an exception from Java carries its whole stack in its message
TRACEBACK_LIMIT = 100_000
_JAVA_FRAMES_KEPT = 3

# A file of the job is named by its place in the job, wherever it was unpacked, here or
# on an executor. Only in text: Python's own records keep the real path.
_CODE_PATH = re.compile(rf'(?<=File ")[^"\n]*/{CODE}/')
_DEPENDENCY_PATH = re.compile(rf'(?<=File ")[^"\n]*/(?={DEPENDENCIES}/)')
_JAVA_FRAMES = re.compile(
    rf"((?:^[ \t]+at [\w.$/<>@]+\([^()\n]*\)\n){{{_JAVA_FRAMES_KEPT}}})"
    r"(?:^[ \t]+at [\w.$/<>@]+\([^()\n]*\)\n)+",
    re.MULTILINE,
)


def describe(error: BaseException, frames: Optional[types.TracebackType]) -> str:
    """What Python prints of `error`, with the job's files named by their place in the job."""
    try:
        text = "".join(traceback.format_exception(type(error), error, frames))
    except Exception as broken:  # noqa: BLE001  the error's own __str__ may raise anything
        text = f"{qualified_name(type(error))}: <its text cannot be had: {broken!r}>\n"
    return with_short_paths(text)


def save_failure(path: Path, error: BaseException, text: str, redact: Callable[[str], str]) -> None:
    """Keep the type, message and traceback `text` of `error`, and the Java cause behind it."""
    kind, message = qualified_name(type(error)), _message(error)
    if isinstance(error, SystemExit):
        text = ""  # as Python does, which prints its message alone
    cause = java_cause(error)
    failure = {
        # Redact first: a secret that is cut in two is not recognised.
        "type": kind,
        "message": shorten(redact(with_short_paths(message)), MESSAGE_LIMIT),
        "traceback": shorten(redact(text), TRACEBACK_LIMIT),
        "java_exception": redact(cause) if cause else None,
    }
    path.write_text(json.dumps(failure), encoding="utf-8")


def load_failure(path: Path) -> Optional[Dict[str, Any]]:
    """What `save_failure` has kept, if the job could still say so."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # there is none, or its writer was killed half-way
        return None


def without_frames_of(
    files: Collection[str], frames: Optional[types.TracebackType]
) -> Optional[types.TracebackType]:
    """The traceback from the first line on that is in none of `files`."""
    while frames is not None and frames.tb_frame.f_code.co_filename in files:
        frames = frames.tb_next
    return frames


def with_short_paths(text: str) -> str:
    """Tracebacks in `text` with the job's files named by their place in the job."""
    return _DEPENDENCY_PATH.sub("", _CODE_PATH.sub("", text))


def shorten(text: str, limit: int) -> str:
    """Keep what people need: no rows of Java frames, and both ends of what is still too long.

    A worker's traceback stands between Java frames, with the user's line at its
    end; so these go first.
    """
    if len(text) <= limit:
        return text
    text = _JAVA_FRAMES.sub(r"\1\tat [...]\n", text)
    half = limit // 2
    return text if len(text) <= limit else text[:half] + "\n[...]\n" + text[-half:]


def qualified_name(kind: type) -> str:
    """As Python prints it."""
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001  a user's __str__ may raise anything
        return f"<its text cannot be had: {broken!r}>"
