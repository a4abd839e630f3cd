"""Hand a run to EMR: find where it goes, store what it needs, record it, and add its step.

The step goes to a live cluster, or into the launch of a cluster that lives for
this run only. What is run is the caller's: files (`submit.py`) or an earlier
run's record (`again.py`).
"""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from selfserve.backends.base import ObjectStore
from selfserve.core.launch import StepSpec
from selfserve.core.package import Upload
from selfserve.core.run import Placement, Submission, make_run_id
from selfserve.core.step import to_step
from selfserve.errors import AwsError, NotFoundError, SelfserveError
from selfserve.usecases.placement.destination import Destination, Joining, LoadProfile
from selfserve.usecases.placement.known_clusters import forget, recall, remember
from selfserve.usecases.placement.leased_step import Ticket, TurnedAway, add_step, find_own_step
from selfserve.usecases.placement.leases import BeingEndedError, let_go
from selfserve.usecases.progress import Note, Report, quiet
from selfserve.usecases.records.runs import Run, save_placement, save_submission
from selfserve.usecases.targets.target import Target

_WORTH_SAYING = 5_000_000  # bytes: an upload that takes more than a moment

OnPrepared = Callable[[Submission], None]
Prepared = tuple[Submission, Sequence[Upload]]
"""A run as it would be on some cluster, and what S3 must have for it."""
Prepare = Callable[[Destination, str], Prepared]
"""Makes the run with this id for a cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """One run on its way to EMR."""

    target: Target
    wanted: str
    """The name or id of a cluster, or a profile."""
    prepare: Prepare
    load_profile: LoadProfile
    joining: Joining = Joining.IF_POSSIBLE
    on_prepared: OnPrepared = lambda _: None
    report: Report = quiet

    def place(self) -> Run:
        """Find where the run goes, prepare it for there, and hand it over. See `submit`.

        A cluster that turns out to be gone leaves no second record: the id stays the run's.
        """
        run_id = make_run_id(self.target.clock.now(), secrets.token_hex(3))
        run = self._hand_over_to_known(run_id) or self._find_and_hand_over(run_id)
        write_down_place(self.target, run, self.report)
        return run

    def _hand_over_to_known(self, run_id: str) -> Run | None:
        """To the cluster that this machine remembers; None if there is none that takes it."""
        known = recall(self.target, self.wanted)
        if known is None or self.joining is not Joining.IF_POSSIBLE:
            return None
        came = self._hand_over(known.destination, run_id, Ticket(remembered=known.lease))
        if isinstance(came, Run):
            return came
        # Most likely the cluster has ended. If not, the same error comes again.
        forget(self.target, self.wanted)
        return None

    def _find_and_hand_over(self, run_id: str) -> Run:
        """To wherever it may go. A cluster that does not take it any more is as good as gone."""
        from selfserve.usecases.placement.find_destination import Search

        turned_away: list[TurnedAway] = []
        while True:
            search = Search(
                target=self.target,
                wanted=self.wanted,
                load_profile=self.load_profile,
                joining=self.joining,
                but_not=[one.cluster_id for one in turned_away],
                report=self.report,
            )
            try:
                destination, ticket = search.book(run_id)
            except NotFoundError as error:
                if not turned_away:
                    raise
                raise self._nowhere_left(turned_away[0]) from error
            came = self._hand_over(destination, run_id, ticket)
            if isinstance(came, Run):
                return came
            goes_on = destination.joined and not ticket.is_last
            if not (goes_on or isinstance(came.error, BeingEndedError)):
                raise came.error
            self.report(Note(_turned_away_in_words(self.target, came)))
            turned_away.append(came)

    def _nowhere_left(self, first: TurnedAway) -> NotFoundError:
        """What to say when there is nothing but a cluster that is being ended."""
        return NotFoundError(
            str(first.error),
            hint=f"Once it is gone, start another: selfserve up {self.wanted}",
        )

    def _hand_over(self, destination: Destination, run_id: str, ticket: Ticket) -> Run | TurnedAway:
        try:
            submission, step = self._make_ready(destination, run_id)
        except (SelfserveError, KeyboardInterrupt):
            if ticket.held is not None:
                let_go(self.target, ticket.held)
            raise
        target, report = self.target, self.report
        if destination.cluster_id is None:
            return Run(submission, _launch_for(target, destination, submission, step, report))
        came = add_step(
            target, destination.cluster_id, submission, step, ticket=ticket, report=report
        )
        if isinstance(came, TurnedAway):
            return came
        report(Note(f"Run {run_id}: {submission.job} on cluster {submission.cluster}."))
        if not destination.joined:  # what is joined is another cluster every time
            seen = replace(destination, runner_uri=submission.program.main_uri)
            remember(target, self.wanted, seen, came.lease)
        return Run(submission, came.placement)

    def _make_ready(self, destination: Destination, run_id: str) -> tuple[Submission, StepSpec]:
        """Prepare the run, and store all that it needs."""
        submission, uploads = self.prepare(destination, run_id)
        step = to_step(submission, destination.applications)
        uploads = _unseen(uploads, destination, self.target)
        _record(self.target, submission, uploads, self.report)
        self.on_prepared(submission)
        return submission, step


def _turned_away_in_words(target: Target, came: TurnedAway) -> str:
    """EMR's own words only for a refusal that the cluster's end does not explain."""
    told = f"Cluster {came.cluster_id} does not take the run: {came.error}"
    try:
        is_live = target.backend.describe(came.cluster_id).state.is_live
    except (AwsError, NotFoundError):
        return told
    return told if is_live else f"Cluster {came.cluster_id} has ended meanwhile; looking on."


def _unseen(
    uploads: Sequence[Upload], destination: Destination, target: Target
) -> Sequence[Upload]:
    """All but the runner, if the cluster has run this very runner before."""
    return [upload for upload in uploads if upload.uri(target.bucket) != destination.runner_uri]


def _record(
    target: Target, submission: Submission, uploads: Sequence[Upload], report: Report
) -> None:
    """Store what S3 lacks, then what is about to be asked for."""
    for upload, is_there in look_for(target.store, uploads):
        if is_there:
            continue
        if upload.size > _WORTH_SAYING:
            report(Note(f"Uploading {upload.size / 1e6:.0f} MB to s3://{target.bucket}."))
        for part in (*upload.companions, upload):
            _store(target, part)
    save_submission(target.store, submission)


def look_for(store: ObjectStore, uploads: Sequence[Upload]) -> list[tuple[Upload, bool]]:
    """Each with whether it is there; S3 is asked for all of them at once."""
    with ThreadPoolExecutor(max(len(uploads), 1)) as pool:
        there = pool.map(lambda upload: store.exists(upload.key), uploads)
        return list(zip(uploads, there, strict=True))


def _store(target: Target, upload: Upload) -> None:
    """Store one object."""
    if upload.path is not None:
        target.store.put_file(upload.key, upload.path)
    else:
        target.store.put(upload.key, upload.body)


def write_down_place(target: Target, run: Run, report: Report) -> None:
    """Store where the run is. EMR has it: to fail now would only invite a second submission."""
    try:
        save_placement(target.store, run)
    except AwsError as error:
        report(Note(f"Where run {run.id} has gone could not be written down: {error}"))


def _launch_for(
    target: Target,
    destination: Destination,
    submission: Submission,
    step: StepSpec,
    report: Report,
) -> Placement:
    resolved, name = destination.resolved, submission.cluster
    if resolved is None:
        raise ValueError("neither a live cluster nor a profile to launch one from")
    from selfserve.usecases.launches.launching import launch

    launched = launch(target, resolved, name=name, steps=[step], keep_alive=False, report=report)
    report(
        Note(
            f"Run {submission.run_id}: {submission.job} on a {resolved.name} cluster of its own, "
            f"{launched.cluster_id}, which ends with it."
        )
    )
    return find_own_step(target, launched.cluster_id, submission.run_id, report)
