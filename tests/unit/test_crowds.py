"""Many submit at once: nobody books a slot twice, and no more clusters start than are needed."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from crowd import Crowd, CrowdedBackend, CrowdedStore
from fakes import LIKE_EMR
from selfserve.core import lease as leases
from selfserve.core.cluster import LIVE_STATES, ClusterState, StepState
from selfserve.core.lease import Lease, begin_ending, live_holds
from selfserve.core.naming import lease_key
from selfserve.core.program import JobKind, Program
from selfserve.core.resolve import Resolved
from selfserve.core.run import run_id_of_step
from selfserve.errors import AwsError
from selfserve.usecases.placement.destination import Destination, Joining
from selfserve.usecases.placement.leases import read_lease
from selfserve.usecases.placement.placing import Placing, Prepared
from selfserve.usecases.records.runs import Run
from selfserve.usecases.submit import draft
from selfserve.usecases.targets.target import Target
from selfserve.usecases.up import up
from targets import make_target, resolve_small

PROGRAM = Program(JobKind.SQL, "job.sql", "s3://memory/job.sql")
STEP_PATH = (StepState.PENDING, StepState.RUNNING, StepState.RUNNING, StepState.COMPLETED)


class House:
    """One bucket and one EMR, and a watch on every lease that is written."""

    def __init__(self, folder: Path, seed: int, *settings: str, **how: object) -> None:
        self.crowd = Crowd(seed)
        self.store = CrowdedStore(self.crowd)
        self.backend = CrowdedBackend(self.crowd, **how)
        self.resolved = resolve_small(folder / "profiles", *settings)
        self.shared = resolve_small(folder / "profiles", "shared=true", *settings)
        self.leases: dict[str, list[Lease]] = {}
        self.most_booked: Counter[str] = Counter()
        self.store.on_swap.append(self._keep)
        self.backend.on_change.append(self._count)

    def user(self, name: str) -> Target:
        """Somebody with a machine of their own."""
        return make_target(
            kind="aws", user=name, clock=self.crowd, store=self.store, backend=self.backend
        )

    def warm(self, number: int) -> list[str]:
        """So many shared clusters of bob's, up and idle."""
        bob = self.user("bob")
        return [up(bob, self.shared, name=f"warm{one}").cluster.id for one in range(number)]

    def submitter(self, number: int, joining: Joining) -> Callable[[], Run]:
        """A client that submits once."""
        target = self.user(f"user{number}")

        def prepare(destination: Destination, run_id: str) -> Prepared:
            run = draft(
                target, PROGRAM, destination, run_id=run_id, created=self.crowd.now(), args=(),
                flags=(), secret_refs=(),
            )  # fmt: skip
            return run, ()

        placing = Placing(
            target=target,
            wanted="small",
            prepare=prepare,
            load_profile=self.load,
            joining=joining,
        )
        return placing.place

    def load(self, _: str) -> Resolved:
        """The profile that all use."""
        return self.resolved

    def submit_at_once(
        self,
        number: int,
        joining: Joining = Joining.IF_POSSIBLE,
        *,
        apart: timedelta = timedelta(),
    ) -> list[Run]:
        """What has become of so many submissions, one so much later than the other."""

        def later(client: Callable[[], Run], delay: timedelta) -> Callable[[], Run]:
            def submit_later() -> Run:
                self.crowd.sleep(delay)
                return client()

            return submit_later

        clients = [self.submitter(one, joining) for one in range(number)]
        came = self.crowd.run(*(later(one, apart * n) for n, one in enumerate(clients)))
        runs = [run for run in came if isinstance(run, Run)]
        assert len(runs) == number, [one for one in came if not isinstance(one, Run)]
        return runs

    def steps(self, cluster_id: str) -> dict[str, StepState]:
        """The truth: state by run."""
        steps = self.backend._clusters[cluster_id].steps
        return {run_id_of_step(one.seen.name) or one.seen.id: one.seen.state for one in steps}

    def _keep(self, key: str, body: bytes) -> None:
        if "/leases/" in key:
            cluster_id = key.rpartition("/")[2].removesuffix(".json")
            self.leases.setdefault(cluster_id, []).append(leases.from_bytes(body))
            self._count(cluster_id)

    def _count(self, cluster_id: str) -> None:
        """How many runs are at work, or booked and on their way, at this moment."""
        steps = self.steps(cluster_id)
        written = self.leases.get(cluster_id, [])
        held = live_holds(written[-1], self.crowd.now()) if written else ()
        coming = {one.run_id for one in held} - set(steps)
        at_work = {run for run, state in steps.items() if not state.is_over}
        booked = len(coming | at_work)
        self.most_booked[cluster_id] = max(self.most_booked[cluster_id], booked)


@pytest.mark.parametrize("seed", range(4))
def test_fifty_clients_on_ten_clusters_book_no_slot_twice(tmp_path: Path, seed: int) -> None:
    slots = 1 + seed % 3
    house = House(tmp_path, seed, f"step_concurrency={slots}", step_path=())
    warm = house.warm(10)

    runs = house.submit_at_once(50)

    joined = Counter(run.placement.cluster_id for run in runs if run.submission.joined)
    assert joined == dict.fromkeys(warm, slots), "a slot was left empty, or used twice"
    assert max(house.most_booked.values()) == slots
    assert sum(run.submission.is_transient for run in runs) == 50 - 10 * slots


@pytest.mark.parametrize("seed", range(4))
def test_slots_that_come_free_meanwhile_are_booked_again_but_never_twice(
    tmp_path: Path, seed: int
) -> None:
    house = House(tmp_path, seed, "step_concurrency=2", step_path=STEP_PATH)
    house.warm(10)

    house.submit_at_once(50)

    assert max(house.most_booked.values()) <= 2


@pytest.mark.parametrize("seed", range(4))
def test_every_change_of_a_lease_has_the_next_number(tmp_path: Path, seed: int) -> None:
    house = House(tmp_path, seed, "step_concurrency=8", step_path=())
    house.warm(2)

    house.submit_at_once(30)

    for written in house.leases.values():
        assert all(after.fence == before.fence + 1 for before, after in pairwise(written))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("apart_ms", [0, 40, 120])
def test_ten_who_press_enter_at_once_get_three_clusters_of_four_slots(
    tmp_path: Path, seed: int, apart_ms: int
) -> None:
    house = House(tmp_path, seed, "step_concurrency=4", arrival=LIKE_EMR, step_path=())

    runs = house.submit_at_once(10, Joining.ALWAYS, apart=timedelta(milliseconds=apart_ms))

    places = Counter(run.placement.cluster_id for run in runs)
    assert sorted(places.values()) == [2, 4, 4]
    assert house.backend.calls.count("launch") == 3
    assert max(house.most_booked.values()) == 4


@pytest.mark.parametrize("seed", range(4))
def test_ten_who_press_enter_at_once_and_one_free_slot(tmp_path: Path, seed: int) -> None:
    house = House(tmp_path, seed, step_path=())
    (warm,) = house.warm(1)

    runs = house.submit_at_once(10)

    assert [run.placement.cluster_id for run in runs if run.submission.joined] == [warm]
    assert sum(run.submission.is_transient for run in runs) == 9


@pytest.mark.parametrize("seed", range(4))
def test_one_who_is_refused_a_cluster_leaves_the_others_theirs(tmp_path: Path, seed: int) -> None:
    house = House(tmp_path, seed, "step_concurrency=4", arrival=LIKE_EMR, step_path=())
    house.backend.refuse("launch", AwsError("No capacity.", hint="Wait."))

    came = house.crowd.run(*(house.submitter(one, Joining.ALWAYS) for one in range(9)))

    assert sum(isinstance(one, AwsError) for one in came) == 1
    assert house.backend.calls.count("launch") == 1 + 2
    assert max(house.most_booked.values()) <= 4


@pytest.mark.parametrize("seed", range(4))
def test_no_cluster_is_held_and_being_ended(tmp_path: Path, seed: int) -> None:
    house = House(tmp_path, seed, "step_concurrency=4", step_path=())
    warm = house.warm(10)

    def sweep() -> None:
        sweeper = house.user(f"sweeper{seed}")
        for cluster_id in warm:
            seen = read_lease(sweeper, cluster_id)
            try:
                ending = begin_ending(seen.lease, "s-1", house.crowd.now())
            except ValueError:
                continue
            body = leases.to_bytes(ending, by="s-1")
            if house.store.swap(lease_key(cluster_id), body, etag=seen.etag) is None:
                continue
            house.crowd.sleep(timedelta(seconds=house.crowd.time.microsecond % 3))
            if not sweeper.backend.list_steps(cluster_id):
                sweeper.backend.terminate([cluster_id])

    clients = [house.submitter(one, Joining.IF_POSSIBLE) for one in range(30)]
    came = house.crowd.run(sweep, *clients)

    assert all(isinstance(one, Run) for one in came[1:])
    for written in house.leases.values():
        for lease in written:
            assert not (lease.ending and lease.holds)
    ended = [one.id for one in house.backend.list_clusters() if one.state not in LIVE_STATES]
    assert all(not house.steps(cluster_id) for cluster_id in ended), "work was ended"
    assert ended
    assert house.backend.list_clusters(states=[ClusterState.WAITING])
