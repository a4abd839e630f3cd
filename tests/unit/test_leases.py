"""Leases in S3: who gets one, with how many writes, and what a submission does with it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fakes import FakeBackend, FakeClock, MemoryStore
from selfserve.core import lease as leases
from selfserve.core.launch import StepSpec
from selfserve.core.lease import ACT_WITHIN, LEASE_TIME, Lease
from selfserve.core.naming import lease_key
from selfserve.core.resolve import Resolved
from selfserve.core.slots import Slots
from selfserve.errors import AwsError, NotFoundError, OutcomeUnknownError
from selfserve.usecases.placement.leases import (
    NONE_YET,
    BeingEndedError,
    Version,
    let_go,
    may_act,
    read_lease,
    take_hold,
)
from selfserve.usecases.records.runs import Run
from selfserve.usecases.submit import Job, submit
from selfserve.usecases.up import up
from targets import make_target, resolve_small

CLUSTER = "j-1"
KEY = lease_key(CLUSTER)
SWAP, READ = ("swap", KEY), ("get_with_etag", KEY)


class InterruptedStore(MemoryStore):
    """Lets something happen elsewhere right before or after a lease is written."""

    def __init__(self) -> None:
        super().__init__()
        self.before_swap: list[Callable[[], object]] = []
        self.after_swap: list[Callable[[], object]] = []

    def swap(self, key: str, body: bytes, *, etag: str | None) -> str | None:
        """See ObjectStore."""
        if self.before_swap:
            self.before_swap.pop()()
        written = super().swap(key, body, etag=etag)
        if self.after_swap:
            self.after_swap.pop()()
        return written


class House:
    """Two users with one bucket and one clock, and a cluster."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = InterruptedStore()
        self.backend = FakeBackend(self.clock)
        self.ada, self.bob = (
            make_target(user=user, clock=self.clock, store=self.store, backend=self.backend)
            for user in ("ada", "bob")
        )

    def hold(self, run_id: str, **choices: object) -> Version:
        """What bob's run has written."""
        held = take_hold(self.bob, CLUSTER, run_id, **choices)  # type: ignore[arg-type]
        assert held is not None
        return held.version

    def end(self, cluster_id: str = CLUSTER) -> None:
        """As the sweep does."""
        seen = read_lease(self.bob, cluster_id)
        ending = leases.begin_ending(seen.lease, "s-1", self.clock.now())
        body = leases.to_bytes(ending, by="s-1")
        assert self.store.swap(lease_key(cluster_id), body, etag=seen.etag)

    def slots(self, number: int) -> Slots:
        """Of a cluster without a step."""
        return Slots(
            number=number,
            open_runs=frozenset(),
            listed_runs=frozenset(),
            other_steps=0,
            seen=self.clock.now(),
        )


@pytest.fixture
def house() -> House:
    return House()


def test_the_first_lease_of_a_cluster_is_one_write(house: House) -> None:
    held = take_hold(house.ada, CLUSTER, "r-1")

    assert held is not None
    assert held.fence == 1
    assert house.store.calls == [SWAP]


def test_a_remembered_lease_is_taken_again_with_one_write(house: House) -> None:
    before = house.hold("r-1")
    house.store.calls.clear()

    held = take_hold(house.ada, CLUSTER, "r-2", remembered=before)

    assert held is not None
    assert held.fence == 2
    assert house.store.calls == [SWAP]
    assert [one.run_id for one in read_lease(house.ada, CLUSTER).lease.holds] == ["r-1", "r-2"]


@pytest.mark.parametrize("memory", ["none", "old"])
def test_a_lost_race_costs_one_question_and_one_more_write(house: House, memory: str) -> None:
    before = house.hold("r-1")
    house.hold("r-2", remembered=before)
    house.store.calls.clear()

    held = take_hold(house.ada, CLUSTER, "r-3", remembered=before if memory == "old" else None)

    assert held is not None
    assert held.fence == 3
    assert house.store.calls == [SWAP, READ, SWAP]


def test_whoever_loses_again_tries_again_without_a_pause(house: House) -> None:
    def somebody_else(number: int) -> Callable[[], object]:
        return lambda: house.hold(f"r-{number}")

    house.store.before_swap = [somebody_else(number) for number in range(20)]

    held = take_hold(house.ada, CLUSTER, "r-20")

    assert held is not None
    assert held.fence == 21
    assert len(held.version.lease.holds) == 21
    assert house.clock.slept == []


def test_a_lease_that_nobody_can_win_is_given_up(house: House) -> None:
    def always_somebody_else(key: str, body: bytes, *, etag: str | None) -> None:
        del key, body, etag

    house.store.swap = always_somebody_else  # type: ignore[method-assign]

    with pytest.raises(AwsError, match="So many submit"):
        take_hold(house.ada, CLUSTER, "r-1")


def test_a_cluster_that_a_sweep_is_ending_is_not_held(house: House) -> None:
    house.end()

    with pytest.raises(BeingEndedError, match="being ended"):
        take_hold(house.ada, CLUSTER, "r-1")


def test_what_is_remembered_of_an_ending_is_not_believed(house: House) -> None:
    house.end()
    ending = read_lease(house.ada, CLUSTER)
    spared = leases.to_bytes(leases.spare(ending.lease), by="s-1")
    house.store.swap(KEY, spared, etag=ending.etag)

    assert take_hold(house.ada, CLUSTER, "r-1", remembered=ending) is not None


def test_a_sweep_that_died_is_taken_over_from_with_the_next_number(house: House) -> None:
    house.end()
    house.clock.sleep(LEASE_TIME)

    held = take_hold(house.ada, CLUSTER, "r-1")

    assert held is not None
    assert held.fence == 2
    assert held.version.lease.ending is None


def test_a_sweep_that_comes_between_reading_and_writing_wins_or_loses_whole(house: House) -> None:
    house.store.before_swap = [house.end]

    with pytest.raises(BeingEndedError):
        take_hold(house.ada, CLUSTER, "r-1")
    assert read_lease(house.ada, CLUSTER).lease.holds == ()


def test_of_two_who_want_the_last_slot_one_gets_it(house: House) -> None:
    house.store.before_swap = [lambda: house.hold("r-1", slots=house.slots(1))]

    assert take_hold(house.ada, CLUSTER, "r-2", slots=house.slots(1)) is None
    assert take_hold(house.ada, CLUSTER, "r-3", slots=house.slots(2)) is not None


def test_a_run_that_has_a_slot_keeps_it(house: House) -> None:
    first = take_hold(house.ada, CLUSTER, "r-1", slots=house.slots(1))
    assert first is not None

    again = take_hold(house.ada, CLUSTER, "r-1", slots=house.slots(1), remembered=first.version)

    assert again is not None
    assert again.fence == 2


def test_a_slot_is_not_booked_on_what_emr_listed_long_ago(house: House) -> None:
    slots = house.slots(1)
    house.clock.sleep(ACT_WITHIN + timedelta(seconds=1))

    assert take_hold(house.ada, CLUSTER, "r-1", slots=slots) is None


def test_a_lease_is_good_for_one_request_soon(house: House) -> None:
    held = take_hold(house.ada, CLUSTER, "r-1")
    assert held is not None

    assert may_act(house.ada, held)
    assert not may_act(house.ada, replace(held, taken_at=held.taken_at - 120))
    house.clock.sleep(timedelta(hours=-1))
    assert may_act(house.ada, held)
    assert not may_act(house.ada, replace(held, taken_at=held.taken_at - 120)), "it was put back"
    house.clock.sleep(timedelta(hours=1) + ACT_WITHIN)
    assert not may_act(house.ada, held), "the machine slept"


def test_letting_go_takes_one_write_and_leaves_the_others(house: House) -> None:
    house.hold("r-1")
    held = take_hold(house.ada, CLUSTER, "r-2")
    assert held is not None
    house.store.calls.clear()

    let_go(house.ada, held)

    assert house.store.calls == [SWAP]
    assert [one.run_id for one in read_lease(house.ada, CLUSTER).lease.holds] == ["r-1"]


def test_letting_go_is_never_worth_a_failure(house: House) -> None:
    held = take_hold(house.ada, CLUSTER, "r-1")
    assert held is not None
    house.store.refusal = AwsError("S3 does not answer.", hint="Try again.")

    let_go(house.ada, held)

    assert read_lease(house.ada, CLUSTER).lease.holds


def test_what_a_newer_version_wrote_is_not_guessed_at(house: House) -> None:
    house.store.objects[KEY] = b'{"fence": "VII"}'

    with pytest.raises(AwsError, match="cannot be read") as refusal:
        take_hold(house.ada, CLUSTER, "r-1")
    assert "newer selfserve" in refusal.value.hint
    assert house.store.objects[KEY] == b'{"fence": "VII"}'


def test_a_cluster_without_a_lease_is_held_by_nobody(house: House) -> None:
    assert read_lease(house.ada, CLUSTER) == NONE_YET == Version(Lease(), None)


class Submitting(House):
    """The cluster `mine` is up, and there is a job."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.small = resolve_small(folder / "profiles")
        self.cluster = up(self.ada, self.small, name="mine").cluster.id
        self.job = folder / "train.py"
        self.job.write_text("print('hello')")

    def submit(self, load: Callable[[str], Resolved] | None = None) -> Run:
        """To `mine`."""
        return submit(self.ada, Job(self.job), cluster="mine", load_profile=load or self.load)

    def load(self, name: str) -> Resolved:
        """There is no such profile."""
        raise NotFoundError(f"No profile {name}.", hint="selfserve profiles")

    @property
    def holds(self) -> list[str]:
        """Runs that hold the cluster."""
        return [one.run_id for one in read_lease(self.ada, self.cluster).lease.holds]


@pytest.fixture
def submitting(tmp_path: Path) -> Submitting:
    return Submitting(tmp_path)


def test_a_submission_holds_the_cluster_before_emr_hears_of_it(submitting: Submitting) -> None:
    seen: list[list[str]] = []
    add_steps = submitting.backend.add_steps

    def look(cluster_id: str, steps: list[StepSpec]) -> list[str]:
        seen.append(submitting.holds)
        return add_steps(cluster_id, steps)

    submitting.backend.add_steps = look  # type: ignore[method-assign,assignment]

    run = submitting.submit()

    assert seen == [[run.id]]
    assert submitting.holds == [run.id], "until the step is listed"


def test_a_submitter_who_was_stopped_takes_the_lease_again(submitting: Submitting) -> None:
    pause = ACT_WITHIN + timedelta(seconds=1)
    submitting.store.after_swap = [lambda: submitting.clock.sleep(pause)]

    run = submitting.submit()

    lease = read_lease(submitting.ada, submitting.cluster).lease
    assert lease.fence == 2
    assert [one.run_id for one in lease.holds] == [run.id]
    assert submitting.clock.now() - lease.holds[0].since < ACT_WITHIN
    assert submitting.backend.calls.count("add_steps") == 1


def test_a_submitter_whose_lease_is_always_late_adds_no_step(submitting: Submitting) -> None:
    submitting.store.after_swap = [lambda: submitting.clock.sleep(ACT_WITHIN)] * 9

    with pytest.raises(AwsError, match="takes so long"):
        submitting.submit()

    assert "add_steps" not in submitting.backend.calls


def test_a_stopped_submitter_meets_the_sweep_that_came_meanwhile(submitting: Submitting) -> None:
    def sleep_and_sweep() -> None:
        submitting.clock.sleep(LEASE_TIME)
        submitting.end(submitting.cluster)

    submitting.store.after_swap = [sleep_and_sweep]

    with pytest.raises(NotFoundError, match="being ended"):
        submitting.submit()

    assert "add_steps" not in submitting.backend.calls


def test_a_named_cluster_that_is_being_ended_is_said_so(submitting: Submitting) -> None:
    submitting.end(submitting.cluster)

    with pytest.raises(NotFoundError, match=f"{submitting.cluster} is being ended") as refusal:
        submitting.submit()

    assert "selfserve up mine" in refusal.value.hint
    assert "add_steps" not in submitting.backend.calls


def test_a_remembered_cluster_that_is_being_ended_is_said_so(submitting: Submitting) -> None:
    submitting.submit()
    submitting.clock.sleep(LEASE_TIME)
    submitting.end(submitting.cluster)

    with pytest.raises(NotFoundError, match="being ended"):
        submitting.submit()


def test_where_a_profile_has_the_name_too_the_run_gets_a_cluster_of_its_own(
    submitting: Submitting,
) -> None:
    submitting.end(submitting.cluster)

    run = submitting.submit(lambda _: submitting.small)

    assert run.submission.is_transient


def test_a_step_that_was_refused_leaves_no_lease(submitting: Submitting) -> None:
    submitting.backend.refuse("add_steps", AwsError("Not now.", hint="Later."))

    with pytest.raises(AwsError, match="Not now"):
        submitting.submit()

    assert submitting.holds == []


def test_a_step_that_may_have_arrived_keeps_its_lease(submitting: Submitting) -> None:
    submitting.backend.refuse("add_steps", OutcomeUnknownError("Lost.", hint="Look."))

    with pytest.raises(OutcomeUnknownError):
        submitting.submit()

    assert len(submitting.holds) == 1


def test_an_upload_that_fails_does_not_make_a_live_cluster_forgotten(
    submitting: Submitting,
) -> None:
    submitting.submit()
    submitting.job.write_text("print('bonjour')")
    submitting.backend.calls.clear()
    submitting.store.refusal = AwsError("S3 does not answer.", hint="Try again.")

    with pytest.raises(AwsError, match="S3 does not answer"):
        submitting.submit()

    assert submitting.backend.calls == []
    submitting.submit()
    assert submitting.backend.calls == ["add_steps"], "it is remembered still"
