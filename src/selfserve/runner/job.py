"""The job's own process: runs the user's file as `python job.py ARGS` would.

How it failed, if it did, is left in a file for the supervisor (`driver.py`).
"""

import json
import sys
import traceback
import types
from pathlib import Path
from typing import Dict, List, Optional

MESSAGE_LIMIT = 10000  # an exception from Java carries its whole stack in its message
TRACEBACK_LIMIT = 100000


def run_job(failure_path: Path, job_path: Path, args: List[str]) -> None:
    """Become the user's program. Its exit code, exit handlers and threads end as ever."""
    main = types.ModuleType("__main__")
    main.__file__ = str(job_path)
    sys.modules["__main__"] = main  # where pickle looks for the job's own functions
    sys.argv = [str(job_path), *args]
    sys.path[0] = str(job_path.parent)
    try:
        code = compile(job_path.read_bytes(), str(job_path), "exec", dont_inherit=True)
        exec(code, main.__dict__)  # noqa: S102  running the user's code is what we are for
    except SystemExit as error:
        if isinstance(error.code, str):
            _save_failure(failure_path, "SystemExit", error.code, "")
        raise
    except BaseException as error:  # noqa: BLE001  whatever ends a job is recorded
        frames = _without_ours(error.__traceback__)
        text = "".join(traceback.format_exception(type(error), error, frames))
        _save_failure(failure_path, _qualified_name(type(error)), str(error), text)
        sys.excepthook(type(error), error.with_traceback(frames), frames)
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)


def load_failure(path: Path) -> Optional[Dict[str, str]]:
    """Type, message and traceback of what ended the job, if it could still say so."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # there is none, or its writer was killed half-way
        return None


def _save_failure(path: Path, kind: str, message: str, text: str) -> None:
    failure = {
        "type": kind,
        "message": _shorten(message, MESSAGE_LIMIT),
        "traceback": _shorten(text, TRACEBACK_LIMIT),
    }
    path.write_text(json.dumps(failure), encoding="utf-8")


def _without_ours(frames: Optional[types.TracebackType]) -> Optional[types.TracebackType]:
    """The traceback from the user's first line on."""
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return frames


def _qualified_name(kind: type) -> str:
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__name__
    return "%s.%s" % (kind.__module__, kind.__name__)


def _shorten(text: str, limit: int) -> str:
    """Keep both ends: one says what happened, the other why."""
    half = limit // 2
    return text if len(text) <= limit else text[:half] + "\n[...]\n" + text[-half:]
