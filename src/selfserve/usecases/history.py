"""The history of runs, newest first.

A run's id begins with its time, so a window of time is a range of keys. What
is over costs two small reads and no question to EMR, whose rates are tiny; the
others are asked for cluster by cluster, and are written down if they are over.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from selfserve.core.cluster import ClusterSummary, Step
from selfserve.core.naming import S3_PREFIX
from selfserve.core.outcome import RunState
from selfserve.core.run import Placement, Submission, is_run_id
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.progress import Note, Report, Waiting, quiet
from selfserve.usecases.records.outcomes import (
    RunRecord,
    StoredRun,
    ask_for_cluster,
    ask_for_step,
    conclude,
    is_overdue,
    needs_cluster,
    place,
    read_stored,
)
from selfserve.usecases.targets.target import Target

DEFAULT_WINDOW = timedelta(days=7)
_RUNS = f"{S3_PREFIX}runs/"
_BEFORE_ALL_RUNS = datetime(2020, 1, 1, tzinfo=UTC)
_THREADS = 10  # as many connections as botocore keeps
_LARGEST_CHUNK = 256  # runs that are read before looking whether they are enough


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs are wanted; None and an empty set for all."""

    since: timedelta = DEFAULT_WINDOW
    """How old a run may be."""
    profile: str | None = None
    owner: str | None = None
    cluster: str | None = None
    """Name or id."""
    states: frozenset[RunState] = field(default_factory=frozenset)


def list_runs(
    target: Target, wanted: RunFilter, *, limit: int, report: Report = quiet
) -> list[RunRecord]:
    """The newest `limit` runs that are wanted, newest first.

    A run that is over according to its outcome comes without its placement and result.
    """
    found: list[RunRecord] = []
    book = _EmrBook(target, report)
    started = target.clock.now()
    with ThreadPoolExecutor(_THREADS) as pool:
        for run_ids in _chunks(_newest_first(target, wanted.since), at_first=max(limit, _THREADS)):
            report(Waiting(f"the records of runs before {run_ids[0]}", since=started))
            stored = pool.map(lambda run_id: _read(target, run_id, wanted, report), run_ids)
            candidates = [run for run in stored if run is not None and _is_on(run, wanted.cluster)]
            for record in _settle(target, candidates, book, report):
                if not wanted.states or record.outcome.state in wanted.states:
                    found.append(record)
                if len(found) == limit:
                    return found
    return found


def _newest_first(target: Target, since: timedelta) -> list[str]:
    now = target.clock.now()
    earliest = now - min(since, now - _BEFORE_ALL_RUNS)
    after = f"{_RUNS}r-{earliest:%Y%m%d-%H%M%S}"
    folders = target.store.list_folders(_RUNS, after=after)
    run_ids = (folder.rstrip("/").rpartition("/")[2] for folder in folders)
    return sorted(filter(is_run_id, run_ids), reverse=True)


def _chunks(run_ids: Sequence[str], *, at_first: int) -> Iterator[Sequence[str]]:
    """No more than may be needed at first, then ever more: what is looked for is rare."""
    start, size = 0, at_first
    while start < len(run_ids):
        yield run_ids[start : start + size]
        start, size = start + size, min(size * 2, _LARGEST_CHUNK)


def _read(target: Target, run_id: str, wanted: RunFilter, report: Report) -> StoredRun | None:
    """A run that may be wanted, as far as its submission tells."""

    def may_be(submission: Submission) -> bool:
        is_of_profile = wanted.profile in {None, submission.profile}
        return is_of_profile and wanted.owner in {None, submission.owner}

    try:
        return read_stored(target.store, run_id, whole=False, only_if=may_be)
    except BadInputError as error:  # a run of another version must not hide all others
        report(Note(f"Run {run_id} is left out: {error}"))
        return None


def _is_on(run: StoredRun, cluster: str | None) -> bool:
    """Whether the run went to the cluster of this name or id."""
    outcome, placement = run.outcome, run.placement
    cluster_id = outcome.cluster_id if outcome else placement and placement.cluster_id
    return cluster in {None, run.submission.cluster, cluster_id}


def _settle(
    target: Target, runs: Sequence[StoredRun], book: "_EmrBook", report: Report
) -> Iterator[RunRecord]:
    runs = [_placed(target, run, report) for run in runs]
    open_runs = [run for run in runs if run.outcome is None]
    book.expect(run.placement for run in open_runs)
    for run in runs:
        if run.outcome is not None:
            yield RunRecord(run.submission, run.placement, run.result, run.outcome)
        else:
            yield conclude(target, run, *book.look_up(run), report=report)


def _placed(target: Target, run: StoredRun, report: Report) -> StoredRun:
    """Search for a run that should long be somewhere; once, as the answer is written down."""
    if run.outcome is None and run.placement is None and is_overdue(target, run.submission):
        return place(target, run, report=report)
    return run


class _EmrBook:
    """What EMR says of steps and clusters, with a question or two for each cluster."""

    def __init__(self, target: Target, report: Report) -> None:
        self._target = target
        self._report = report
        self._started = target.clock.now()
        self._expected: dict[str, int] = {}
        self._steps: dict[str, dict[str, Step]] = {}
        self._clusters: dict[str, ClusterSummary | None] = {}

    def expect(self, placements: Iterable[Placement | None]) -> None:
        """These will be looked up: many steps of one cluster come in one listing."""
        self._expected = {}
        for placement in placements:
            if placement is not None:
                at = placement.cluster_id
                self._expected[at] = self._expected.get(at, 0) + 1

    def look_up(self, run: StoredRun) -> tuple[Step | None, ClusterSummary | None]:
        """The run's step, and its cluster if that has anything to tell."""
        placement = run.placement
        if placement is None:
            return None, None
        self._report(Waiting("EMR to say how runs ended", since=self._started))
        step = self._step(placement)
        if not needs_cluster(run.submission, step):
            return step, None
        return step, self._cluster(placement.cluster_id)

    def _step(self, placement: Placement) -> Step | None:
        cluster_id = placement.cluster_id
        if cluster_id not in self._steps:
            if self._expected.get(cluster_id, 0) == 1:
                return ask_for_step(self._target, placement)
            self._steps[cluster_id] = self._list_steps(cluster_id)
        return self._steps[cluster_id].get(placement.step_id)

    def _list_steps(self, cluster_id: str) -> dict[str, Step]:
        try:
            return {step.id: step for step in self._target.backend.list_steps(cluster_id)}
        except NotFoundError:  # EMR has forgotten the cluster
            return {}

    def _cluster(self, cluster_id: str) -> ClusterSummary | None:
        if cluster_id not in self._clusters:
            self._clusters[cluster_id] = ask_for_cluster(self._target, cluster_id)
        return self._clusters[cluster_id]
