"""result.json: how the run ended. Written last: who sees it has all the output."""

import json
import os
import signal
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Optional

from .java import reason_of
from .storage import Storage

NAME = "result.json"
SIGTERM_CODE = 128 + signal.SIGTERM


@dataclass
class Ending:
    """How a run ended, as far as that is known."""

    exit_code: int
    signal: Optional[str] = None
    job_started: Optional[str] = None
    """When the user's code began; None if it never did."""
    cancelled: bool = False
    exception: Optional[Dict[str, str]] = None
    java_exception: Optional[str] = None
    application_id: Optional[str] = None
    max_rss_bytes: Optional[int] = None
    output_lost: bool = False
    provisional: bool = False
    """Written when we were told to end; a complete one follows if there is time."""


class Record:
    """Writes result.json of a run that began when this was made."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._started = now()
        self._versions: Dict[str, str] = {}

    def look_up_versions(self) -> None:
        """Learn what the job runs on."""
        self._versions = self._storage.versions()

    def save(self, ending: Ending) -> None:
        """Write it; if S3 does not take it, the exit code still tells how the job went."""
        facts: Dict[str, Any] = {"started": self._started, "ended": now()}
        facts.update(vars(ending), versions=self._versions)
        try:
            self._storage.write(NAME, json.dumps(facts, indent=2).encode("utf-8"))
        except Exception as error:  # noqa: BLE001  py4j, Hadoop and S3 raise what they like
            warn(f"cannot write {NAME}: {reason_of(error)}")


def exit_code_of(code: int) -> int:
    """What a shell would say of a process: 128 + N when signal N has killed it."""
    return code if code >= 0 else 128 - code


def signal_of(code: int) -> Optional[str]:
    """Name of the signal that has killed a process, from the code that `subprocess` gives."""
    if code >= 0:
        return None
    try:
        return signal.Signals(-code).name
    except ValueError:  # real-time signals have no name
        return f"signal {-code}"


def now() -> str:
    """The time as it stands in records."""
    return datetime.now(timezone.utc).isoformat()


def warn(text: str) -> None:
    """Say something in the log of the runner itself, if anybody still reads it."""
    try:
        os.write(2, f"selfserve: {text}\n".encode("utf-8", "replace"))
    except OSError:  # the JVM, which reads it, has ended
        return
