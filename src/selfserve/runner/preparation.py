"""Make everything ready that the job's process needs: its code, packages, secrets and orders."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List

from .archives import CODE, DEPENDENCIES, provide
from .errors import SubmissionError
from .java import reason_of
from .job import Order
from .redaction import Redactor
from .secrets import resolve_secrets
from .storage import Storage, StorageGoneError
from .submission import Submission, parse_submission

AS_JOB = "--as-job"


@dataclass(frozen=True)
class Prepared:
    """How to start the job's process."""

    command: List[str]
    environment: Dict[str, str]
    failure: Path
    """Where the process leaves what ended it."""
    redactor: Redactor


def prepare(run: str, storage: Storage, folder: Path, runner: str) -> Prepared:
    """Prepare the job of the run at `run`, a prefix in S3; `folder` is private and empty.

    `runner` is what Python starts to get here again.

    Raises:
        JobNotStartedError: something is missing or damaged.
    """
    submission = _read_submission(run, storage)
    code = provide(submission.code, CODE, storage.fetch, folder)
    roots = [code]
    if submission.dependencies is not None:
        roots.append(provide(submission.dependencies, DEPENDENCIES, storage.fetch, folder))
    secrets = resolve_secrets(submission.secrets, storage.read)
    order = Order(
        entry=submission.entry,
        args=list(submission.args),
        code=str(code),
        script=str(folder / "bin" / (submission.name.strip("./").rpartition("/")[2] or "job")),
        failure=str(folder / "failure.json"),
        secrets=list(secrets),
    )
    order.save(folder / "order.json")
    return Prepared(
        command=[sys.executable, runner, AS_JOB, str(folder / "order.json")],
        environment=_environment(roots, secrets),
        failure=Path(order.failure),
        redactor=Redactor(secrets.values()),
    )


def _read_submission(run: str, storage: Storage) -> Submission:
    uri = f"{run}submission.json"
    try:
        text = storage.read(uri)
    except StorageGoneError:
        raise
    except Exception as error:  # py4j, Hadoop and S3 raise what they like
        raise SubmissionError(f"Cannot read {uri}: {reason_of(error)}.") from error
    return parse_submission(text)


def _environment(roots: List[Path], secrets: Dict[str, str]) -> Dict[str, str]:
    path = [str(root) for root in roots]
    if os.environ.get("PYTHONPATH"):  # where spark-submit has put PySpark itself
        path.append(os.environ["PYTHONPATH"])
    ours = {"PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **ours, **secrets}
