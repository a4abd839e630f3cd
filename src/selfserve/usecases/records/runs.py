"""The record of a run in S3: what was asked for, where it runs, what it wrote, how it ended."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from selfserve.backends.base import ObjectStore
from selfserve.core.cluster import Step
from selfserve.core.naming import run_prefix
from selfserve.core.outcome import RunOutcome
from selfserve.core.run import (
    Placement,
    RunResult,
    StreamName,
    Submission,
    is_run_id,
    output_prefix,
    placement_key,
    result_key,
    run_id_of_step,
    submission_key,
)
from selfserve.core.run_json import from_json, to_json
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.launches.clusters import list_ours
from selfserve.usecases.targets.target import Target

_Record = TypeVar("_Record", Submission, Placement, RunResult, RunOutcome)

_READ_AHEAD = 8  # objects of at most 4 MB; see runner/output.py
_BEGINS_LIKE_AN_ID = re.compile(r"r-\d{8}[-0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Run:
    """One run that EMR has accepted."""

    submission: Submission
    placement: Placement

    @property
    def id(self) -> str:
        """The run's id."""
        return self.submission.run_id


def save_submission(store: ObjectStore, submission: Submission) -> None:
    """Write down what is about to be asked for."""
    store.put(submission_key(submission.run_id), to_json(submission))


def save_placement(store: ObjectStore, run: Run) -> None:
    """Write down where a run has gone."""
    store.put(placement_key(run.id), to_json(run.placement))


def read_result(store: ObjectStore, run_id: str) -> RunResult | None:
    """How the job ended; None while it runs, and for jobs without our runner."""
    return load(store, RunResult, result_key(run_id))


def find_run(target: Target, run_id: str) -> Run:
    """A run by its id, whether its cluster still lives or not.

    Raises:
        NotFoundError: there is no such run, or EMR never got it.
    """
    submission = read_submission(target, run_id)
    placement = load(target.store, Placement, placement_key(run_id))
    if placement is not None:
        return Run(submission, placement)
    found = find_placement(target, submission)
    if found is None:
        raise NotFoundError(
            f"Run {run_id} was prepared, but never reached EMR.",
            hint=f"Submit it again: selfserve submit {submission.job}",
        )
    return Run(submission, found)


def read_submission(target: Target, run_id: str) -> Submission:
    """What was submitted as `run_id`, whether EMR ever got it or not.

    Raises:
        NotFoundError: there is no such run.
    """
    submission = load(target.store, Submission, submission_key(run_id))
    if submission is None:
        raise no_run(target, run_id)
    return submission


def no_run(target: Target, wanted: str) -> NotFoundError:
    """The error for an id that no run on the target has."""
    return NotFoundError(
        f"There is no run {wanted} on {target.label}.",
        hint="See what has run: selfserve runs; or is it another target's? Try --on.",
    )


def load(store: ObjectStore, kind: type[_Record], key: str) -> _Record | None:
    """One record of a run; None when it is not there.

    Raises:
        BadInputError: it is not what this version of selfserve writes.
    """
    body = store.get(key)
    if body is None:
        return None
    try:
        return from_json(kind, body)
    except ValueError as error:
        raise BadInputError(
            f"s3://{store.bucket}/{key} is not what this version of selfserve writes.",
            hint="Upgrade with: pip install --upgrade selfserve",
        ) from error


def find_run_id(target: Target, wanted: str) -> str:
    """The id that `wanted` is, or begins; or that of the newest run on the cluster `wanted`.

    Raises:
        NotFoundError: there is no such run, or no run there.
        BadInputError: several ids begin so.
    """
    if _BEGINS_LIKE_AN_ID.fullmatch(wanted):
        return complete_run_id(target, wanted)
    from selfserve.usecases.status import cluster_status  # prices and profiles are slow to load

    cluster = cluster_status(target, wanted)
    run_id = newest_run_on(target, cluster.id)
    if run_id is None:
        raise NotFoundError(
            f"Cluster {wanted} has run no job of selfserve's yet.",
            hint=f"Submit one: selfserve submit JOB -c {wanted}",
        )
    return run_id


def complete_run_id(target: Target, beginning: str) -> str:
    """The id that begins so; a whole one is returned as it is, whether there is such a run or not.

    Raises:
        NotFoundError: none does.
        BadInputError: several do.
    """
    if is_run_id(beginning):
        return beginning
    if not _BEGINS_LIKE_AN_ID.fullmatch(beginning):
        raise no_run(target, beginning)
    folder = run_prefix(beginning).rstrip("/")
    found = [name.rstrip("/").rpartition("/")[2] for name in target.store.list_folders(folder)]
    if not found:
        raise no_run(target, beginning)
    if len(found) > 1:
        raise BadInputError(
            f"{len(found)} runs begin with {beginning}: {', '.join(found[:5])}"
            f"{', …' if len(found) > 5 else ''}",
            hint="Write more of the id.",
        )
    return found[0]


def find_step_of_run(target: Target, cluster_id: str, run_id: str) -> Step | None:
    """The step that runs `run_id`; its name begins with the id."""
    steps = target.backend.list_steps(cluster_id)
    return next((step for step in steps if run_id_of_step(step.name) == run_id), None)


def newest_run_on(target: Target, cluster_id: str) -> str | None:
    """The id of the run that was last submitted to the cluster."""
    ids = (run_id_of_step(step.name) for step in target.backend.list_steps(cluster_id))
    return next((run_id for run_id in ids if run_id is not None), None)


class OutputTail:
    """Reads one output stream of a run from where it was last read to."""

    def __init__(self, store: ObjectStore, run_id: str, stream: StreamName) -> None:
        self.stream = stream
        self._store = store
        self._prefix = output_prefix(run_id, stream)
        self._last = ""

    @property
    def has_begun(self) -> bool:
        """Whether anything has been read yet."""
        return bool(self._last)

    def read_new(self) -> Iterator[bytes]:
        """What has been written since the last time, in order, object by object."""
        keys = self._store.list_keys(self._prefix, after=self._last)
        for key, body in zip(keys, self._read_ahead(keys), strict=False):
            if body is None:
                return
            self._last = key
            yield body

    def read_last(self, lines: int) -> bytes:
        """The last lines of what is there; `read_new` goes on from its end.

        No more of a long output is read than is needed.
        """
        keys = self._store.list_keys(self._prefix, after=self._last)
        found = b""
        for body in self._read_ahead(keys[::-1] if lines else []):
            found = (body or b"") + found
            if found.count(b"\n") > lines:  # one more, which ends the line before them
                break
        self._last = keys[-1] if keys else self._last
        return last_lines(found, lines)

    def _read_ahead(self, keys: Sequence[str]) -> Iterator[bytes | None]:
        """The objects in this order; a few at once, as there is one for each second of a run."""
        if len(keys) < _READ_AHEAD:
            yield from map(self._store.get, keys)
            return
        with ThreadPoolExecutor(_READ_AHEAD) as pool:
            reading = deque(pool.submit(self._store.get, key) for key in keys[:_READ_AHEAD])
            for key in (*keys[_READ_AHEAD:], None):
                yield reading.popleft().result()
                if key is not None:
                    reading.append(pool.submit(self._store.get, key))
            yield from (left.result() for left in reading)


def last_lines(output: bytes, lines: int) -> bytes:
    """The last lines of an output, the very last one perhaps without its end."""
    if lines == 0:
        return b""
    start = len(output) - output.endswith(b"\n")
    for _ in range(lines):
        start = output.rfind(b"\n", 0, start)
        if start < 0:
            return output
    return output[start + 1 :]


def find_placement(target: Target, submission: Submission) -> Placement | None:
    """Search EMR for a run whose submitter died before it could write down where it had gone."""
    for name, cluster in list_ours(target, states=(), created_after=None):
        if submission.cluster in {name.name, cluster.id}:
            step = find_step_of_run(target, cluster.id, submission.run_id)
            if step is not None:
                return Placement(cluster.id, step.id)
    return None
