"""Joining a warm cluster: which one, how, when not, and what is said and written down."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fakes import AT_ONCE, LIKE_EMR, FakeBackend, FakeClock, MemoryStore
from selfserve.core import lease as leases
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import LaunchSpec
from selfserve.core.lease import LEASE_TIME
from selfserve.core.naming import TAG_SHARED, lease_key
from selfserve.core.resolve import Resolved
from selfserve.errors import AwsError, BadInputError, NotFoundError, OutcomeUnknownError
from selfserve.usecases.again import submit_again
from selfserve.usecases.placement.destination import Joining
from selfserve.usecases.placement.leases import read_lease
from selfserve.usecases.progress import Note, Progress
from selfserve.usecases.records.runs import Run, read_submission
from selfserve.usecases.submit import Job, submit
from selfserve.usecases.targets.target import Target
from selfserve.usecases.up import up
from specs import step
from targets import make_target, resolve_small


class House:
    """Ada submits; bob has clusters that are up."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.store = FakeClock(), MemoryStore()
        self.backend = FakeBackend(self.clock, step_path=())
        self.ada, self.bob = self.user("ada"), self.user("bob")
        self.profiles = folder / "profiles"
        self.job = folder / "train.py"
        self.job.write_text("print('hello')")
        self.said: list[str] = []

    def user(self, name: str) -> Target:
        """Somebody with a machine of their own."""
        return make_target(
            kind="aws", user=name, clock=self.clock, store=self.store, backend=self.backend
        )

    def start(self, name: str, *settings: str, who: Target | None = None) -> str:
        """A cluster that its owner shares, unless the settings say otherwise."""
        resolved = resolve_small(self.profiles, "shared=true", *settings)
        wait = bool(self.backend.arrival)
        return up(who or self.bob, resolved, name=name, wait=wait).cluster.id

    def load(self, _: str) -> Resolved:
        """What ada's own profile says."""
        return resolve_small(self.profiles)

    def submit(
        self,
        joining: Joining = Joining.IF_POSSIBLE,
        *,
        who: Target | None = None,
        cluster: str = "small",
        load: Callable[[str], Resolved] | None = None,
    ) -> Run:
        """To a cluster of the profile `small`."""
        return submit(
            who or self.ada,
            Job(self.job),
            cluster=cluster,
            joining=joining,
            load_profile=load or self.load,
            report=self.hear,
        )

    def hear(self, progress: Progress) -> None:
        """Keep what is said once."""
        if isinstance(progress, Note):
            self.said.append(progress.text)

    def end(self, cluster_id: str) -> None:
        """As a sweep begins to."""
        seen = read_lease(self.bob, cluster_id)
        ending = leases.begin_ending(seen.lease, "s-1", self.clock.now())
        body = leases.to_bytes(ending, by="s-1")
        assert self.store.swap(lease_key(cluster_id), body, etag=seen.etag)

    def launched(self) -> int:
        """How many clusters there have been."""
        return self.backend.calls.count("launch")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_run_joins_a_warm_cluster_that_is_shared(house: House) -> None:
    warm = house.start("warm")

    run = house.submit()

    assert run.placement.cluster_id == warm
    assert run.submission.cluster == "warm"
    assert run.submission.joined
    assert not run.submission.is_transient
    assert run.submission.owner == "ada"
    assert house.launched() == 1
    assert (
        f"Joining cluster warm ({warm}, owner bob, warm): saves about 6 to 10 minutes."
        in house.said
    )


def test_joining_costs_two_calls_of_emr_before_the_step(house: House) -> None:
    house.start("warm")
    house.backend.calls.clear()
    house.store.calls.clear()

    house.submit()

    assert house.backend.calls == ["list_clusters", "list_steps", "add_steps"]
    found_and_booked = [method for method, _ in house.store.calls[:3]]
    assert found_and_booked == ["get", "get_with_etag", "swap"]


def test_emr_is_asked_of_no_more_clusters_than_it_takes_to_know_the_emptiest(house: House) -> None:
    for name in ("one", "two", "three"):
        house.start(name)
    house.backend.calls.clear()

    house.submit()

    assert house.backend.calls == ["list_clusters", "list_steps", "add_steps"]


def test_looking_for_a_cluster_to_join_costs_nothing_more_where_there_is_none(house: House) -> None:
    house.submit()
    house.backend.calls.clear()

    run = house.submit()

    assert run.submission.is_transient
    assert house.backend.calls[:2] == ["list_clusters", "launch"]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(("shared=false",), id="private"),
        pytest.param(("spark=3.5.5",), id="another-spark"),
        pytest.param(("nodes.core.count=1", "scale.min=1"), id="smaller"),
    ],
)
def test_a_cluster_that_does_not_fit_is_left_alone(house: House, settings: tuple[str, ...]) -> None:
    house.start("warm", *settings)

    assert house.submit().submission.is_transient


def test_a_cluster_of_another_installation_is_left_alone(house: House) -> None:
    house.start("warm")
    elsewhere = replace(house.ada, installation="other")

    assert house.submit(who=elsewhere).submission.is_transient


def test_a_cluster_whose_launch_is_not_on_record_is_left_alone(house: House) -> None:
    house.start("warm")
    (record,) = (key for key in house.store.objects if "/launches/" in key)
    house.store.delete(record)

    assert house.submit().submission.is_transient


def test_a_cluster_whose_record_another_version_wrote_is_left_alone(house: House) -> None:
    house.start("warm")
    (record,) = (key for key in house.store.objects if "/launches/" in key)
    house.store.objects[record] = b'{"release": 7}'

    assert house.submit().submission.is_transient


def test_a_cluster_whose_time_is_nearly_up_is_left_alone(house: House) -> None:
    house.start("warm", "shutdown.max_age=2h")
    house.clock.sleep(timedelta(hours=1, minutes=55))

    assert house.submit().submission.is_transient


def test_a_full_cluster_is_left_alone_until_a_step_is_over(house: House) -> None:
    warm = house.start("warm")
    first = house.submit()

    assert house.submit().submission.is_transient
    house.backend.move_step(warm, first.placement.step_id, StepState.COMPLETED)
    house.backend.list_steps(warm)
    assert house.submit().placement.cluster_id == warm


def test_why_a_shared_cluster_is_not_joined_is_told(house: House) -> None:
    house.start("full")
    house.start("lesser", "scale.max=3")
    house.start("private", "shared=false")
    house.submit()
    assert not any("is shared, but" in text for text in house.said), "it has joined one"

    assert house.submit().submission.is_transient

    told = [text for text in house.said if "is shared, but" in text]
    assert any(text.startswith("full is shared, but is full") for text in told)
    assert any(text.startswith("lesser is shared, but grows to") for text in told)
    assert len(told) == 2


def test_steps_that_are_no_run_of_ours_take_slots_too(house: House) -> None:
    warm = house.start("warm")
    house.backend.add_steps(warm, [step("by hand")])

    assert house.submit().submission.is_transient


def test_a_step_that_emr_lists_twice_takes_one_slot(house: House) -> None:
    warm = house.start("warm", "step_concurrency=2")
    ids = house.backend.add_steps(warm, [step(f"by hand {number}") for number in range(50)])
    house.backend.cancel_steps(warm, ids[1:])

    assert house.submit().placement.cluster_id == warm


def test_the_emptiest_of_the_warm_ones_is_taken(house: House) -> None:
    house.start("one", "step_concurrency=2")
    four = house.start("two", "step_concurrency=4")
    house.start("three", "step_concurrency=3")

    assert house.submit().placement.cluster_id == four


def test_one_that_waits_is_preferred_to_one_that_works_or_starts(house: House) -> None:
    house.backend.arrival = ()
    starting = house.start("starting", "step_concurrency=9")
    house.backend.arrival = AT_ONCE
    busy = house.start("busy", "step_concurrency=8")
    house.backend.move(busy, ClusterState.RUNNING)
    warm = house.start("warm")

    places = [house.submit().placement.cluster_id for _ in range(11)]

    assert places == [warm] + [busy] * 8 + [starting] * 2


def test_one_that_starts_is_joined_without_asking_for_its_steps(house: House) -> None:
    house.backend.arrival = ()
    starting = house.start("starting")
    house.backend.calls.clear()

    run = house.submit()

    assert run.placement.cluster_id == starting
    assert "list_steps" not in house.backend.calls
    assert any("STARTING): one cluster less, and a shorter wait" in text for text in house.said)


def test_a_slot_is_booked_while_the_job_is_still_being_packed(house: House) -> None:
    house.start("warm")
    rivals: list[Run] = []

    def rival(progress: Progress) -> None:
        if isinstance(progress, Note) and "Joining" in progress.text and not rivals:
            rivals.append(house.submit(who=house.user("eve")))

    submit(house.ada, Job(house.job), cluster="small", load_profile=house.load, report=rival)

    assert rivals[0].submission.is_transient


def test_one_that_a_sweep_is_ending_is_left_alone(house: House) -> None:
    house.end(house.start("warm"))

    assert house.submit().submission.is_transient


def test_one_that_turns_out_to_be_gone_is_passed_over(house: House) -> None:
    gone, there = house.start("gone"), house.start("there")
    house.backend.refuse("add_steps", AwsError("It is shutting down.", hint="Look."))

    run = house.submit()

    others = {gone, there} - {run.placement.cluster_id}
    (passed_over,) = others
    assert run.submission.joined
    assert read_lease(house.ada, passed_over).lease.holds == ()
    assert any(f"{passed_over} does not take the run" in text for text in house.said)
    records = [key for key in house.store.objects if key.endswith("submission.json")]
    assert len(records) == 1


def test_a_run_that_may_have_arrived_goes_nowhere_else(house: House) -> None:
    house.start("warm")
    house.start("another")
    house.backend.refuse("add_steps", OutcomeUnknownError("Lost.", hint="Look."))

    with pytest.raises(OutcomeUnknownError):
        house.submit()

    assert house.backend.calls.count("add_steps") == 1
    assert house.launched() == 2


def test_one_that_cannot_be_looked_at_is_said_so_and_passed_over(house: House) -> None:
    house.start("warm")
    house.backend.refuse("list_steps", AwsError("Not allowed.", hint="Ask."))

    run = house.submit()

    assert run.submission.is_transient
    assert any("cannot be joined: Not allowed." in text for text in house.said)


def test_a_job_that_cannot_be_prepared_gives_its_slot_back(house: House, tmp_path: Path) -> None:
    warm = house.start("warm", "step_concurrency=1")
    sql = tmp_path / "job.sql"
    sql.write_text("SELECT 1")
    broken = Job(sql, flags=("--files", "missing.txt"))

    with pytest.raises(BadInputError):
        submit(house.ada, broken, cluster="small", load_profile=house.load)

    assert read_lease(house.ada, warm).lease.holds == ()


def test_packing_that_takes_long_takes_the_lease_again(house: House) -> None:
    warm = house.start("warm")

    def dawdle(progress: Progress) -> None:
        if isinstance(progress, Note) and "Joining" in progress.text:
            house.clock.sleep(timedelta(minutes=5))

    run = submit(house.ada, Job(house.job), cluster="small", load_profile=house.load, report=dawdle)

    assert run.placement.cluster_id == warm
    assert read_lease(house.ada, warm).lease.fence == 2


def test_packing_that_takes_so_long_that_the_slot_is_gone_goes_elsewhere(house: House) -> None:
    warm = house.start("warm")
    rivals: list[Run] = []

    def dawdle(progress: Progress) -> None:
        if isinstance(progress, Note) and "Joining" in progress.text and not rivals:
            house.clock.sleep(LEASE_TIME)
            rivals.append(house.submit(who=house.user("eve")))

    run = submit(house.ada, Job(house.job), cluster="small", load_profile=house.load, report=dawdle)

    assert rivals[0].placement.cluster_id == warm
    assert run.submission.is_transient


def test_what_was_joined_once_is_not_taken_for_granted(house: House) -> None:
    house.start("warm")
    house.submit()

    assert house.submit().submission.is_transient, "the one slot is taken"


def test_fresh_never_joins(house: House) -> None:
    house.start("warm")

    run = house.submit(Joining.NEVER)

    assert run.submission.is_transient
    assert not any("Joining" in text for text in house.said)


def test_a_run_of_its_own_whose_step_cannot_be_seen_is_not_to_be_submitted_again(
    house: House,
) -> None:
    house.backend.refuse("list_steps", AwsError("Not now.", hint="Later."))

    with pytest.raises(AwsError, match=r"was launched for run .*: Not now\.") as refusal:
        house.submit(Joining.NEVER)

    assert "Do not submit it again" in refusal.value.hint


def test_a_run_of_its_own_takes_one_step_at_a_time_whatever_its_profile_says(house: House) -> None:
    house.submit(load=lambda _: resolve_small(house.profiles, "step_concurrency=4"))

    assert house.backend.launched[0].step_concurrency == 1


def test_join_starts_a_shared_cluster_if_there_is_none(house: House) -> None:
    run = house.submit(Joining.ALWAYS)

    (spec,) = house.backend.launched
    assert spec.shared
    assert spec.tags[TAG_SHARED] == "true"
    assert spec.keep_alive
    assert spec.name.name == run.submission.cluster == f"shared-{spec.name.launch_id}"
    assert spec.steps == ()
    assert run.submission.joined
    assert not run.submission.is_transient
    assert any("which others may join" in text for text in house.said)


@pytest.mark.parametrize(("slots", "times"), [(1, 1), (4, 0)])
def test_who_starts_a_shared_cluster_with_one_slot_is_told_how_to_get_more(
    house: House, slots: int, times: int
) -> None:
    def load(_: str) -> Resolved:
        return resolve_small(house.profiles, f"step_concurrency={slots}")

    house.submit(Joining.ALWAYS, load=load)

    told = [text for text in house.said if "set step_concurrency in the profile small" in text]
    assert len(told) == times


def test_join_passes_over_a_new_cluster_whose_record_another_version_wrote(house: House) -> None:
    house.submit(Joining.ALWAYS)
    (record,) = (key for key in house.store.objects if "/launches/" in key)
    house.store.objects[record] = b'{"release": 7}'

    house.submit(Joining.ALWAYS, who=house.user("eve"))

    assert house.launched() == 2


def test_a_claim_that_another_version_wrote_starts_no_cluster(house: House) -> None:
    house.submit(Joining.ALWAYS)
    (claim,) = (key for key in house.store.objects if "/pools/" in key)
    house.store.objects[claim] = b'{"launch": 7}'

    with pytest.raises(AwsError) as refusal:
        house.submit(Joining.ALWAYS, who=house.user("eve"))

    assert "update" in refusal.value.hint
    assert house.launched() == 1


def test_join_takes_no_slot_of_another_installation(house: House) -> None:
    house.submit(Joining.ALWAYS, load=lambda _: resolve_small(house.profiles, "step_concurrency=4"))

    house.submit(Joining.ALWAYS, who=replace(house.ada, installation="other"))

    assert house.launched() == 2


def test_join_takes_what_is_there_first(house: House) -> None:
    warm = house.start("warm")

    assert house.submit(Joining.ALWAYS).placement.cluster_id == warm
    assert house.launched() == 1


def test_the_next_who_comes_takes_the_next_slot(house: House) -> None:
    house.backend.arrival = LIKE_EMR

    def load(_: str) -> Resolved:
        return resolve_small(house.profiles, "step_concurrency=4")

    places = [
        house.submit(Joining.ALWAYS, who=house.user(f"user{number}"), load=load).placement
        for number in range(10)
    ]

    assert house.launched() == 3
    assert sorted([place.cluster_id for place in places].count(one) for one in
                  {place.cluster_id for place in places}) == [2, 4, 4]  # fmt: skip


def test_a_claim_of_a_cluster_that_has_ended_is_not_taken_for_one_that_starts(
    house: House,
) -> None:
    ended = house.submit(Joining.ALWAYS).placement.cluster_id
    house.backend.move(ended, ClusterState.TERMINATED)
    house.clock.sleep(timedelta(minutes=5))

    run = house.submit(Joining.ALWAYS, who=house.user("eve"))

    assert run.placement.cluster_id != ended
    assert not any("Joining" in text for text in house.said)


def test_a_cluster_that_has_ended_at_once_is_passed_over_in_a_plain_sentence(
    house: House,
) -> None:
    def load(_: str) -> Resolved:
        return resolve_small(house.profiles, "step_concurrency=4")

    ended = house.submit(Joining.ALWAYS, load=load).placement.cluster_id
    house.backend.move(ended, ClusterState.TERMINATED)

    run = house.submit(Joining.ALWAYS, who=house.user("eve"), load=load)

    assert run.placement.cluster_id != ended
    assert f"Cluster {ended} has ended meanwhile; looking on." in house.said
    assert not any("is over" in text for text in house.said)


def test_a_cluster_that_was_started_for_the_run_and_refuses_it_is_the_last(house: House) -> None:
    house.backend.refuse("add_steps", AwsError("You may not.", hint="Ask."))

    with pytest.raises(AwsError, match="You may not"):
        house.submit(Joining.ALWAYS)

    assert house.launched() == 1


def test_a_launcher_whose_cluster_has_filled_up_meanwhile_goes_on_to_the_next(
    house: House,
) -> None:
    launch, rivals = house.backend.launch, list[Run]()

    def launch_and_be_overtaken(spec: LaunchSpec) -> str:
        cluster_id = launch(spec)
        house.backend.launch = launch  # type: ignore[method-assign]
        rivals.append(house.submit(who=house.user("eve")))
        return cluster_id

    house.backend.launch = launch_and_be_overtaken  # type: ignore[method-assign]

    run = house.submit(Joining.ALWAYS)

    assert rivals[0].submission.joined
    assert run.placement.cluster_id != rivals[0].placement.cluster_id
    assert house.launched() == 2


def test_whoever_waits_for_a_cluster_that_never_comes_starts_one(house: House) -> None:
    house.backend.refuse("launch", OutcomeUnknownError("Lost.", hint="Look."))
    with pytest.raises(OutcomeUnknownError):
        house.submit(Joining.ALWAYS)

    run = house.submit(Joining.ALWAYS, who=house.user("eve"))

    assert run.submission.joined
    assert len(house.backend.launched) == 1


def test_a_cluster_whose_launcher_has_died_is_found_and_joined(house: House) -> None:
    def die(progress: Progress) -> None:
        if isinstance(progress, Note) and "Starting shared" in progress.text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submit(
            house.ada, Job(house.job), cluster="small", joining=Joining.ALWAYS,
            load_profile=house.load, report=die,
        )  # fmt: skip

    run = house.submit(Joining.ALWAYS, who=house.user("eve"))

    assert run.submission.joined
    assert house.launched() == 1


def test_a_launch_that_is_refused_keeps_nobody_waiting(house: House) -> None:
    house.backend.refuse("launch", AwsError("Not now.", hint="Later."))
    with pytest.raises(AwsError, match="Not now"):
        house.submit(Joining.ALWAYS)

    house.submit(Joining.ALWAYS, who=house.user("eve"))

    assert house.clock.slept == []


def test_a_lost_answer_to_the_launch_makes_one_cluster(house: House) -> None:
    house.backend.lose_answer_of("launch")

    run = house.submit(Joining.ALWAYS)

    assert [spec.name.name for spec in house.backend.launched] == [run.submission.cluster]


@pytest.mark.parametrize("joining", [Joining.NEVER, Joining.ALWAYS])
@pytest.mark.parametrize("by", ["name", "id"])
def test_a_cluster_that_is_named_is_neither_joined_nor_fresh(
    house: House, joining: Joining, by: str
) -> None:
    cluster_id = house.start("mine", who=house.ada)
    house.submit(cluster="mine")  # so it is remembered

    with pytest.raises(BadInputError, match="mine is a cluster") as refusal:
        house.submit(joining, cluster="mine" if by == "name" else cluster_id)

    assert ("--fresh" if joining is Joining.NEVER else "--join") in refusal.value.hint


def test_a_cluster_of_one_s_own_is_used_by_its_name_however_full_it_is(house: House) -> None:
    mine = house.start("mine", who=house.ada)

    places = {house.submit(cluster="mine").placement.cluster_id for _ in range(3)}

    assert places == {mine}


def test_again_asks_for_the_profile_again_not_for_somebody_s_cluster(house: House) -> None:
    warm = house.start("warm")
    first = house.submit()
    asked: list[str] = []

    def load(name: str) -> Resolved:
        asked.append(name)
        return house.load(name)

    house.backend.move(warm, ClusterState.TERMINATED)
    again = submit_again(house.ada, first.id, load_profile=load)

    assert asked == ["small"]
    assert again.submission.is_transient
    assert read_submission(house.ada, first.id).joined


def test_again_may_join(house: House) -> None:
    first = house.submit(Joining.NEVER)
    warm = house.start("warm")

    again = submit_again(house.ada, first.id, load_profile=house.load)

    assert again.placement.cluster_id == warm


def test_neither_a_cluster_nor_a_profile_is_still_not_found(house: House) -> None:
    def no_profile(name: str) -> Resolved:
        raise NotFoundError(f"No profile {name}.", hint="selfserve profiles")

    with pytest.raises(NotFoundError, match="Neither a running cluster nor a profile"):
        house.submit(Joining.ALWAYS, load=no_profile)


def test_what_is_neither_cluster_nor_profile_is_told_in_whole_sentences(house: House) -> None:
    def unknown(_: str) -> Resolved:
        raise NotFoundError("No profile is called nosuch", hint="See all of them.")

    with pytest.raises(NotFoundError) as refusal:
        house.submit(cluster="nosuch", load=unknown)

    assert refusal.value.hint.startswith("No profile is called nosuch. See clusters with:")
