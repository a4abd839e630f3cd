"""The record of a run in S3: what was asked for, where it runs, what it wrote, how it ended."""

from collections.abc import Iterator
from dataclasses import dataclass

from selfserve.backends.base import ObjectStore
from selfserve.core.cluster import Step
from selfserve.core.run import (
    Placement,
    RunResult,
    StreamName,
    Submission,
    output_prefix,
    placement_key,
    result_key,
    run_id_of_step,
    submission_key,
)
from selfserve.core.run_json import from_json, to_json
from selfserve.errors import NotFoundError
from selfserve.usecases.clusters import list_ours
from selfserve.usecases.target import Target


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
    body = store.get(result_key(run_id))
    return None if body is None else from_json(RunResult, body)


def find_run(target: Target, run_id: str) -> Run:
    """A run by its id, whether its cluster still lives or not.

    Raises:
        NotFoundError: there is no such run, or EMR never got it.
    """
    submission = read_submission(target, run_id)
    placement = target.store.get(placement_key(run_id))
    if placement is not None:
        return Run(submission, from_json(Placement, placement))
    return Run(submission, _search(target, submission))


def read_submission(target: Target, run_id: str) -> Submission:
    """What was submitted as `run_id`, whether EMR ever got it or not.

    Raises:
        NotFoundError: there is no such run.
    """
    body = target.store.get(submission_key(run_id))
    if body is None:
        raise NotFoundError(
            f"There is no run {run_id} on {target.label}.",
            hint="Its id is in what `selfserve submit` printed; is it another target's? Try --on.",
        )
    return from_json(Submission, body)


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
        """What has been written since the last time, in order."""
        for key in self._store.list_keys(self._prefix, after=self._last):
            body = self._store.get(key)
            if body is None:
                return
            self._last = key
            yield body


def _search(target: Target, submission: Submission) -> Placement:
    """Find a run whose submitter died before it could write down where it had gone."""
    for name, cluster in list_ours(target, states=(), created_after=None):
        if name.name == submission.cluster and name.owner == submission.owner:
            step = find_step_of_run(target, cluster.id, submission.run_id)
            if step is not None:
                return Placement(cluster.id, step.id)
    raise NotFoundError(
        f"Run {submission.run_id} was prepared, but never reached EMR.",
        hint=f"Submit it again: selfserve submit {submission.job}",
    )
