"""The job's own process: runs the user's program, and keeps how it failed, if it did.

The supervisor's word to it is a file of JSON, so that arguments of any kind arrive
as they are; its word back is another (`failure.py`).
"""

import json
import os
import sys
import types
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

from .failure import describe, save_failure, without_frames_of
from .program import LAUNCHERS, run_program
from .redaction import Redactor
from .submission import Entry


@dataclass(frozen=True)
class Order:
    """What the supervisor wants to be run."""

    entry: Entry
    args: List[str]
    code: str
    """The folder of the job's own code."""
    script: str
    """Where a script may be written that starts a function."""
    failure: str
    """Where to leave what ended the job."""
    secrets: List[str]
    """Names of the environment variables that hold them."""

    def save(self, path: Path) -> None:
        """Write it for `load_order`."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def load_order(path: Path) -> Order:
    """Read what `Order.save` has written."""
    facts: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    facts["entry"] = Entry(**facts["entry"])
    return Order(**facts)


def run_job(order: Order) -> None:
    """Become the user's program. Its exit code, exit handlers and threads end as ever."""
    process = os.getpid()
    redactor = Redactor(os.environ[name] for name in order.secrets)
    failure = Path(order.failure)
    try:
        run_program(order.entry, list(order.args), code=Path(order.code), script=Path(order.script))
    except SystemExit as error:
        if isinstance(error.code, str) and os.getpid() == process:
            _save(failure, error, "", redactor)
        raise
    except BaseException as error:  # noqa: BLE001  whatever ends a job is recorded
        frames = without_frames_of({__file__, *LAUNCHERS}, error.__traceback__)
        text = describe(error, frames)
        if os.getpid() == process:  # not a child that the program has forked
            _save(failure, error, text, redactor)
        _print(error, frames, text)
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)


def _save(path: Path, error: BaseException, text: str, redactor: Redactor) -> None:
    try:
        save_failure(path, error, text, redactor.text)
    except OSError as problem:  # a full disk must not hide the job's own error
        os.write(2, f"selfserve: cannot record the job's error: {problem}\n".encode())


def _print(error: BaseException, frames: Optional[types.TracebackType], text: str) -> None:
    """What Python does with an exception that nobody has caught."""
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(type(error), error.with_traceback(frames), frames)
        return
    try:
        sys.stdout.flush()  # Python, too, prints what came before the error first
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # the program has closed them
        return
