"""What processes do in a schedule: each is one command of the product, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from schedules.house import House
from schedules.process import Process, Weather
from selfserve.core.package import Upload
from selfserve.core.program import JobKind, Program
from selfserve.core.resolve import Resolved
from selfserve.core.run import Submission
from selfserve.core.sweeping import SweepPolicy
from selfserve.errors import NotFoundError, SelfserveError
from selfserve.usecases.down import end_clusters, find_doomed
from selfserve.usecases.launches.launching import Launched, launch
from selfserve.usecases.placement.destination import Destination, Joining, LoadProfile
from selfserve.usecases.placement.placing import Placing
from selfserve.usecases.records.runs import Run
from selfserve.usecases.submit import draft
from selfserve.usecases.sweep import sweep
from selfserve.usecases.targets.target import Target

POLICY = SweepPolicy(parallel=1)
PROGRAM = Program(kind=JobKind.SQL, name="job.sql", main_uri="s3://lake/job.sql")


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One command, and how it ended."""

    what: str
    process: Process
    launched: Launched | None = None
    run_ids: list[str] = field(default_factory=list)
    """The runs that EMR may have been asked for."""
    run: Run | None = None
    error: SelfserveError | None = None

    @property
    def is_over(self) -> bool:
        """Whether it came to an end by itself, rather than being killed."""
        return self.process.is_done


@dataclass(slots=True)
class Actors:
    """Starts commands in a house, and keeps what came of them."""

    house: House
    attempts: list[Attempt] = field(default_factory=list)

    def quiet_since(self, start: float) -> float:
        """When the last process has ended that began before `start`; now, if one goes on."""
        ends = [
            self.house.timeline.now if attempt.process.ended is None else attempt.process.ended
            for attempt in self.attempts
            if attempt.process.began <= start
        ]
        return max([start, *ends])

    def launch(self, time: float, name: str, *, user: str, cluster: str) -> None:
        """`selfserve up`, as far as EMR's answer."""

        def work(target: Target, attempt: Attempt) -> None:
            attempt.launched = launch(target, self.house.resolved, name=cluster)

        self._start(time, name, "launch", work, user=user)

    def submit(self, time: float, name: str, *, user: str, cluster: str, lasts: float) -> None:
        """`selfserve submit -c CLUSTER`."""

        def work(target: Target, attempt: Attempt) -> None:
            attempt.run = _placing(target, attempt, cluster, self._load).place()

        self._start(time, name, "submit", work, user=user, lasts=lasts)

    def join(self, time: float, name: str, *, user: str, lasts: float, joining: Joining) -> None:
        """`selfserve submit -c PROFILE`, with `--join` or without."""

        def work(target: Target, attempt: Attempt) -> None:
            attempt.run = _placing(target, attempt, "pool", self._load, joining).place()

        self._start(time, name, "join", work, user=user, lasts=lasts)

    def sweep(self, time: float, name: str, *, weather: Weather | None = None) -> None:
        """`selfserve sweep`."""

        def work(target: Target, _: Attempt) -> None:
            sweep(target, POLICY)

        self._start(time, name, "sweep", work, user="root", weather=weather)

    def end(self, time: float, name: str, *, user: str, cluster: str) -> None:
        """`selfserve down CLUSTER`, which may end what is at work."""

        def work(target: Target, _: Attempt) -> None:
            end_clusters(target, find_doomed(target, [cluster]).clusters)

        self._start(time, name, "down", work, user=user, may_kill=True)

    def _load(self, wanted: str) -> Resolved:
        if wanted != "pool":
            raise NotFoundError(f"No profile is called {wanted}.", hint="-")
        return self.house.resolved

    def _start(
        self,
        time: float,
        name: str,
        what: str,
        work: Callable[[Target, Attempt], None],
        *,
        user: str,
        lasts: float = 300.0,
        may_kill: bool = False,
        weather: Weather | None = None,
    ) -> None:
        def run(target: Target) -> None:
            try:
                work(target, attempt)
            except SelfserveError as error:
                attempt.error = error

        process = self.house.start(
            time, name, run, user=user, lasts=lasts, may_kill=may_kill, weather=weather
        )
        attempt = Attempt(what=what, process=process)
        self.attempts.append(attempt)


def _placing(
    target: Target,
    attempt: Attempt,
    wanted: str,
    load_profile: LoadProfile,
    joining: Joining = Joining.IF_POSSIBLE,
) -> Placing:
    def prepare(destination: Destination, run_id: str) -> tuple[Submission, Sequence[Upload]]:
        submission = draft(
            target,
            PROGRAM,
            destination,
            run_id=run_id,
            created=target.clock.now(),
            args=(),
            flags=(),
            secret_refs=(),
        )
        return submission, ()

    def on_prepared(submission: Submission) -> None:
        attempt.run_ids.append(submission.run_id)

    return Placing(
        target=target,
        wanted=wanted,
        prepare=prepare,
        load_profile=load_profile,
        joining=joining,
        on_prepared=on_prepared,
    )
