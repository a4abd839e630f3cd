"""One cluster per intent: whatever answer is lost, and whoever launches the same name at once."""

from datetime import timedelta

import pytest

from fakes import LIKE_EMR, FakeBackend, FakeClock, MemoryStore
from selfserve.core.cluster import ClusterState
from selfserve.core.launch import LaunchSpec, StepSpec
from selfserve.core.naming import bootstrap_key, claim_key, launch_key
from selfserve.core.resolve import Resolved
from selfserve.errors import AwsError, BadInputError, OutcomeUnknownError
from selfserve.usecases.launches.claims import Claim
from selfserve.usecases.launches.launching import launch, read_intent
from selfserve.usecases.placement.leases import end_unused, read_lease
from selfserve.usecases.progress import Progress
from selfserve.usecases.targets.target import Target
from specs import SPEC
from targets import make_target

CLAIM = claim_key("eu-west-1", "main", "ada", "one")


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(FakeClock(), arrival=LIKE_EMR)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def target(backend: FakeBackend, store: MemoryStore) -> Target:
    return make_target(backend=backend, store=store, clock=backend.clock)


class _LosesAnswers(FakeBackend):
    """Loses the answer of a launch that never took effect."""

    def launch(self, spec: LaunchSpec) -> str:
        raise OutcomeUnknownError(f"No answer for {spec.name}.", hint="Look.")


class _FallsSilent(FakeBackend):
    """Loses the answer of a launch, and lists nothing afterwards."""

    def launch(self, spec: LaunchSpec) -> str:
        self.lose_answer_of("launch")
        self.refuse("list_clusters", AwsError("Too many requests.", hint="Wait."))
        return super().launch(spec)


class _ClosesTheStore(FakeBackend):
    """After a launch, S3 refuses to be read once."""

    def __init__(self, clock: FakeClock, store: MemoryStore) -> None:
        super().__init__(clock)
        self._store = store

    def launch(self, spec: LaunchSpec) -> str:
        self._store.refusal = AwsError("The token has expired.", hint="Log in.")
        return super().launch(spec)


class _Races(FakeBackend):
    """Before the first launch takes effect, lets somebody else do something."""

    rival: Target | None = None
    resolved: Resolved | None = None
    rival_cluster: str = ""

    def launch(self, spec: LaunchSpec) -> str:
        rival, self.rival = self.rival, None
        if rival is not None and self.resolved is not None:
            self.clock.sleep(timedelta(minutes=10))  # past every patience with our claim
            self.rival_cluster = launch(rival, self.resolved, name=spec.name.name).cluster_id
        return super().launch(spec)


def test_a_launch_writes_its_intent_before_it_asks(
    target: Target, small: Resolved, backend: FakeBackend, store: MemoryStore
) -> None:
    backend.refuse("launch", AwsError("No.", hint="-"))

    with pytest.raises(AwsError):
        launch(target, small, name="one")

    assert any(key.startswith("selfserve/launches/") for key in store.objects)
    assert backend.launched == []


def test_the_launch_id_is_in_name_tags_and_record(
    target: Target, small: Resolved, backend: FakeBackend, store: MemoryStore
) -> None:
    launched = launch(target, small, name="one")

    (spec,) = backend.launched
    assert spec.name.launch_id == launched.launch_id
    assert launched.launch_id in spec.tags.values()
    assert launch_key(launched.launch_id) in store.objects
    assert read_intent(target, launched.launch_id) == spec == launched.spec


def test_bootstrap_scripts_are_uploaded_by_content(
    target: Target, small: Resolved, store: MemoryStore
) -> None:
    launched = launch(target, small, name="one")

    assert launched.spec is not None
    for action, script in zip(
        launched.spec.bootstrap, ("max-age.sh", "busy-probe.py"), strict=True
    ):
        key = action.s3_uri.removeprefix("s3://memory/")
        sha256 = key.split("/")[-2]
        assert key == bootstrap_key(sha256, script)
        assert store.objects[key].startswith(b"#!")


def test_a_lost_answer_is_looked_up_and_the_cluster_adopted(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    backend.lose_answer_of("launch")

    launched = launch(target, small, name="one")

    assert len(backend.launched) == 1
    assert backend.describe(launched.cluster_id).name == backend.launched[0].name
    assert not launched.reused


def test_a_lost_answer_without_a_cluster_is_reported_and_never_asked_again(
    small: Resolved, store: MemoryStore
) -> None:
    clock = FakeClock()
    target = make_target(clock=clock, backend=_LosesAnswers(clock), store=store)

    with pytest.raises(OutcomeUnknownError):
        launch(target, small, name="one")

    assert sum(clock.slept, timedelta()) >= target.pace.appears_within
    assert CLAIM in store.objects, "the name stays claimed for what may yet come"


def test_a_lost_answer_stays_unknown_when_the_cluster_cannot_be_looked_for(
    small: Resolved, store: MemoryStore
) -> None:
    clock = FakeClock()
    target = make_target(clock=clock, backend=_FallsSilent(clock), store=store)

    with pytest.raises(OutcomeUnknownError):
        launch(target, small, name="one")

    assert CLAIM in store.objects, "the name stays claimed for what may yet come"


def test_a_launch_goes_on_when_it_cannot_see_whether_it_was_overtaken(
    small: Resolved, store: MemoryStore
) -> None:
    clock = FakeClock()
    backend = _ClosesTheStore(clock, store)
    target = make_target(clock=clock, backend=backend, store=store)
    said: list[Progress] = []

    launched = launch(target, small, name="one", report=said.append)

    assert backend.describe(launched.cluster_id).state.is_live
    assert any(launched.cluster_id in str(note) for note in said)


def test_a_second_launch_of_a_live_name_joins_it(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    first = launch(target, small, name="one")

    second = launch(target, small, name="one")

    assert second.reused
    assert (second.cluster_id, second.launch_id) == (first.cluster_id, first.launch_id)
    assert second.spec == first.spec
    assert len(backend.launched) == 1


def test_two_owners_may_use_one_name(
    target: Target, small: Resolved, backend: FakeBackend, store: MemoryStore
) -> None:
    grace = make_target(user="grace", backend=backend, store=store, clock=backend.clock)

    first, second = launch(target, small, name="one"), launch(grace, small, name="one")

    assert first.cluster_id != second.cluster_id


def test_who_loses_the_claim_waits_for_the_winners_cluster_and_joins_it(
    target: Target, small: Resolved, backend: FakeBackend, store: MemoryStore
) -> None:
    rival = make_target(backend=backend, store=store, clock=backend.clock)
    claim = Claim("20261121-0000aa", backend.clock.now())
    store.put(CLAIM, claim.to_json())
    winners: list[str] = []

    def the_winner_gets_its_cluster() -> None:
        if not winners:
            store.delete(CLAIM)
            winners.append(launch(rival, small, name="one").cluster_id)

    backend.clock.on_sleep.append(the_winner_gets_its_cluster)

    launched = launch(target, small, name="one")

    assert launched.reused
    assert [launched.cluster_id] == winners
    assert len(backend.launched) == 1


def test_a_claim_whose_cluster_never_came_is_taken_over(
    target: Target, small: Resolved, backend: FakeBackend, store: MemoryStore
) -> None:
    claim = Claim("20261121-0000aa", backend.clock.now())
    store.put(CLAIM, claim.to_json())

    launched = launch(target, small, name="one")

    assert not launched.reused
    assert backend.clock.now() - claim.time >= target.pace.appears_within
    assert Claim.from_json(store.objects[CLAIM]).launch_id == launched.launch_id


@pytest.mark.parametrize(
    "state",
    [ClusterState.TERMINATING, ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS],
)
def test_a_claim_whose_cluster_has_ended_is_taken_over_at_once(
    target: Target, small: Resolved, backend: FakeBackend, state: ClusterState
) -> None:
    first = launch(target, small, name="one")
    backend.move(first.cluster_id, state)

    second = launch(target, small, name="one")

    assert not second.reused
    assert second.cluster_id != first.cluster_id
    assert backend.clock.slept == []


def test_a_refused_launch_gives_the_name_back(
    target: Target, small: Resolved, backend: FakeBackend, store: MemoryStore
) -> None:
    backend.refuse("launch", AwsError("No.", hint="-"))

    with pytest.raises(AwsError):
        launch(target, small, name="one")

    assert CLAIM not in store.objects


def test_a_launch_that_was_overtaken_ends_its_own_cluster_and_joins_the_other(
    small: Resolved, store: MemoryStore
) -> None:
    backend = _Races(FakeClock())
    target = make_target(backend=backend, store=store, clock=backend.clock)
    backend.rival = make_target(backend=backend, store=store, clock=backend.clock)
    backend.resolved = small

    launched = launch(target, small, name="one")

    assert launched.reused
    assert launched.cluster_id == backend.rival_cluster
    live = [c for c in backend.list_clusters() if c.state.is_live]
    assert [cluster.id for cluster in live] == [backend.rival_cluster]


def test_a_cluster_for_one_job_claims_no_name(
    target: Target, small: Resolved, backend: FakeBackend, store: MemoryStore
) -> None:
    step = StepSpec("job", ("spark-submit", "job.py"))

    launched = launch(target, small, name="r-1", steps=[step], keep_alive=False)

    (spec,) = backend.launched
    assert launched.spec == spec
    assert (spec.keep_alive, spec.steps) == (False, (step,))
    assert not any("/names/" in key for key in store.objects)


def test_a_name_that_cannot_stand_in_a_cluster_name_is_refused(
    target: Target, small: Resolved
) -> None:
    with pytest.raises(BadInputError, match="cannot be a cluster's name"):
        launch(target, small, name="a/b")


class _IsUsedMeanwhile(_Races):
    """Somebody adds a step to the second cluster as soon as it is there."""

    def launch(self, spec: LaunchSpec) -> str:
        cluster_id = super().launch(spec)
        if cluster_id != self.rival_cluster and self.rival_cluster:
            self.add_steps(cluster_id, [StepSpec(name="job", args=("true",))])
        return cluster_id


def test_a_cluster_that_has_lost_its_name_is_not_ended_while_somebody_uses_it(
    small: Resolved, store: MemoryStore
) -> None:
    backend = _IsUsedMeanwhile(FakeClock())
    target = make_target(backend=backend, store=store, clock=backend.clock)
    backend.rival, backend.resolved = target, small

    launch(target, small, name="one")

    assert "terminate" not in backend.calls


def test_a_cluster_that_has_lost_its_name_is_left_to_its_users_if_it_cannot_be_looked_at() -> None:
    target = make_target()
    cluster_id = target.backend.launch(SPEC)
    assert isinstance(target.backend, FakeBackend)
    target.backend.refuse("list_steps", AwsError("Access denied.", hint="Ask."))

    with pytest.raises(AwsError):
        end_unused(target, cluster_id, "launch-1")

    assert read_lease(target, cluster_id).lease.ending is None
    assert target.backend.describe(cluster_id).state.is_live
