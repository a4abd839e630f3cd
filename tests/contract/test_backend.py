"""What every Backend promises, whoever keeps the clusters."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from places import Place
from selfserve.backends.base import Backend
from selfserve.core.cluster import LIVE_STATES, ClusterState, ClusterSummary, StepState
from selfserve.core.launch import LaunchSpec, NodeRole
from selfserve.errors import AwsError, BadInputError, NotFoundError
from specs import NAME, step
from specs import SPEC as SPEC_WITH_SPARK

SPEC = replace(SPEC_WITH_SPARK, applications=("Trino",))
"""Up at once where real processes run: without Spark there is nothing to start."""
NO_SUCH_CLUSTER = "j-1NOSUCHCLUSTER"
DEADLINE_S = 120.0


def eventually(fact: Callable[[], bool]) -> None:
    """Look again until `fact` is true; places with real processes take a while."""
    deadline = time.monotonic() + DEADLINE_S
    while not fact():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.05)


def ids_of(clusters: Iterable[ClusterSummary]) -> set[str]:
    return {cluster.id for cluster in clusters}


def workers_asked_for(backend: Backend, cluster_id: str) -> int:
    """In units, core and task together."""
    nodes = backend.nodes(cluster_id)
    return sum(node.requested for node in nodes if node.role != NodeRole.PRIMARY)


def spec_named(name: str) -> LaunchSpec:
    return replace(SPEC, name=replace(NAME, name=name, launch_id=f"l-{name}"))


def test_a_launched_cluster_is_described_as_the_spec_says(backend: Backend) -> None:
    cluster_id = backend.launch(SPEC)

    seen = backend.describe(cluster_id)
    assert seen.id == cluster_id
    assert seen.name == SPEC.name
    assert seen.state.is_live
    assert seen.release == SPEC.release
    assert set(seen.applications) == set(SPEC.applications)
    assert seen.log_uri == SPEC.log_uri
    assert seen.keep_alive
    assert not seen.termination_protected
    assert seen.created.utcoffset() == timedelta(0)


def test_a_launched_cluster_carries_the_profiles_tags_and_its_own_name_as_tags(
    backend: Backend,
) -> None:
    cluster_id = backend.launch(SPEC)

    tags = backend.describe(cluster_id).tags
    assert tags == {**SPEC.tags, **NAME.tags()}


def test_a_launched_cluster_is_listed_under_its_name(backend: Backend) -> None:
    cluster_id = backend.launch(SPEC)

    names = {cluster.id: cluster.name for cluster in backend.list_clusters()}
    assert names[cluster_id] == SPEC.name


def test_two_equal_launches_make_two_clusters(backend: Backend) -> None:
    first, second = backend.launch(SPEC), backend.launch(SPEC)

    assert first != second
    assert {first, second} <= ids_of(backend.list_clusters())


def test_clusters_are_listed_newest_first(backend: Backend) -> None:
    for name in ("one", "two", "three"):
        backend.launch(spec_named(name))

    created = [cluster.created for cluster in backend.list_clusters()]
    assert created == sorted(created, reverse=True)


def test_a_listing_keeps_to_the_states_asked_for(backend: Backend) -> None:
    ended, alive = backend.launch(spec_named("ended")), backend.launch(spec_named("alive"))
    backend.terminate([ended])
    eventually(lambda: backend.describe(ended).state.is_gone)

    live = ids_of(backend.list_clusters(states=LIVE_STATES))
    gone = ids_of(backend.list_clusters(states=[ClusterState.TERMINATED]))

    assert alive in live - gone
    assert ended in gone - live


def test_a_listing_can_leave_out_what_is_older(backend: Backend) -> None:
    cluster_id = backend.launch(SPEC)
    created = backend.describe(cluster_id).created

    before, after = created - timedelta(minutes=1), created + timedelta(minutes=1)

    assert cluster_id in ids_of(backend.list_clusters(created_after=before))
    assert cluster_id not in ids_of(backend.list_clusters(created_after=after))


def test_a_listing_is_whole_however_long(place: Place) -> None:
    place.needs("hold many clusters")
    ids = {
        place.backend.launch(spec_named(f"n{number}")) for number in range(60)
    }  # EMR lists 50 at a time

    assert ids <= ids_of(place.backend.list_clusters())


def test_steps_of_the_launch_are_there_from_the_start(backend: Backend) -> None:
    cluster_id = backend.launch(replace(SPEC, steps=(step("first"), step("second"))))

    assert [seen.name for seen in backend.list_steps(cluster_id)] == ["second", "first"]


def test_steps_are_added_in_order_and_listed_newest_first(backend: Backend) -> None:
    cluster_id = backend.launch(SPEC)

    ids = backend.add_steps(cluster_id, [step("first"), step("second")])
    ids += backend.add_steps(cluster_id, [step("third")])

    listed = backend.list_steps(cluster_id)
    assert [seen.name for seen in listed] == ["third", "second", "first"]
    assert [seen.id for seen in listed] == ids[::-1]


def test_a_step_keeps_its_exact_arguments(backend: Backend) -> None:
    args = ("spark-submit", "--conf", "spark.a=b c", "s3://a-bucket/job.py", "--", 'quo"te', "ü")
    cluster_id = backend.launch(SPEC)

    [step_id] = backend.add_steps(cluster_id, [step("job", *args)])

    assert backend.describe_step(cluster_id, step_id).args == args


def test_the_newest_steps_can_be_listed_alone(backend: Backend) -> None:
    cluster_id = backend.launch(SPEC)
    ids = backend.add_steps(cluster_id, [step("first"), step("second"), step("third")])

    assert [seen.id for seen in backend.list_steps(cluster_id, most=2)] == [ids[2], ids[1]]
    assert len(backend.list_steps(cluster_id, most=50)) == 3


def test_a_cluster_tells_how_many_steps_it_runs_at_a_time(backend: Backend) -> None:
    cluster_id = backend.launch(replace(SPEC, step_concurrency=3))

    assert backend.describe(cluster_id).step_concurrency == 3


def test_a_cluster_without_spark_connect_takes_no_sessions(backend: Backend) -> None:
    assert not backend.describe(backend.launch(SPEC)).sessions_enabled


def test_a_listing_of_steps_is_whole_however_long(place: Place) -> None:
    place.needs("hold many steps")
    cluster_id = place.backend.launch(SPEC)
    added = [
        step_id
        for some in range(3)
        for step_id in place.backend.add_steps(
            cluster_id, [step(f"step-{some}-{number}") for number in range(40)]
        )
    ]

    assert [seen.id for seen in place.backend.list_steps(cluster_id)] == added[::-1]


def test_a_step_runs_to_its_end(place: Place) -> None:
    place.needs("move steps")
    cluster_id = place.backend.launch(SPEC_WITH_SPARK)
    [step_id] = place.backend.add_steps(cluster_id, [step()])

    eventually(lambda: place.backend.describe_step(cluster_id, step_id).state.is_over)

    seen = place.backend.describe_step(cluster_id, step_id)
    assert seen.state is StepState.COMPLETED
    assert seen.created is not None
    assert seen.started is not None
    assert seen.ended is not None
    assert seen.created <= seen.started <= seen.ended


def test_a_cancelled_step_is_over_and_cancelling_again_is_fine(place: Place) -> None:
    place.needs("cancel steps")
    cluster_id = place.backend.launch(SPEC_WITH_SPARK)
    slow = ("bash", "-c", "exec sleep 600")
    ids = place.backend.add_steps(cluster_id, [step("slow", *slow), step("behind", *slow)])

    place.backend.cancel_steps(cluster_id, ids)
    eventually(lambda: all(seen.state.is_over for seen in place.backend.list_steps(cluster_id)))
    place.backend.cancel_steps(cluster_id, ids)

    states = {seen.state for seen in place.backend.list_steps(cluster_id)}
    assert states <= {StepState.CANCELLED, StepState.INTERRUPTED}


def test_a_cluster_without_keep_alive_ends_after_its_last_step(place: Place) -> None:
    place.needs("move steps")
    cluster_id = place.backend.launch(replace(SPEC_WITH_SPARK, keep_alive=False, steps=(step(),)))

    def is_gone() -> bool:
        place.backend.list_steps(cluster_id)
        return place.backend.describe(cluster_id).state.is_gone

    eventually(is_gone)

    assert place.backend.describe(cluster_id).state is ClusterState.TERMINATED
    assert [seen.state for seen in place.backend.list_steps(cluster_id)] == [StepState.COMPLETED]


def test_nodes_are_counted_in_the_units_of_the_spec(place: Place) -> None:
    place.needs("list fleets")
    cluster_id = place.backend.launch(SPEC)

    nodes = place.backend.nodes(cluster_id)

    requested = {node.role: node.requested for node in nodes}
    assert requested == {NodeRole.PRIMARY: 1, NodeRole.CORE: 16, NodeRole.TASK: 8}


def test_terminate_twice_is_fine(backend: Backend) -> None:
    cluster_id = backend.launch(SPEC)

    backend.terminate([cluster_id])
    eventually(lambda: backend.describe(cluster_id).state.is_gone)
    backend.terminate([cluster_id])

    seen = backend.describe(cluster_id)
    assert seen.state is ClusterState.TERMINATED
    assert seen.ended is not None


def test_terminate_takes_more_clusters_than_one_request_may_name(place: Place) -> None:
    place.needs("hold many clusters")
    ids = [place.backend.launch(spec_named(f"n{number}")) for number in range(12)]

    place.backend.terminate(ids)

    eventually(lambda: not ids_of(place.backend.list_clusters(states=LIVE_STATES)) & set(ids))


def test_terminate_nothing_ends_nothing(backend: Backend) -> None:
    cluster_id = backend.launch(SPEC)

    backend.terminate([])

    assert backend.describe(cluster_id).state.is_live


def test_no_step_is_added_to_a_cluster_that_is_over(place: Place) -> None:
    place.needs("refuse steps on a cluster that is over")
    cluster_id = place.backend.launch(SPEC)
    place.backend.terminate([cluster_id])
    eventually(lambda: place.backend.describe(cluster_id).state.is_gone)

    with pytest.raises(AwsError):
        place.backend.add_steps(cluster_id, [step()])


def test_no_more_steps_are_listed_than_asked_for_and_they_are_the_newest(backend: Backend) -> None:
    cluster_id = backend.launch(SPEC)
    backend.add_steps(cluster_id, [replace(step(), name=name) for name in ("old", "new")])

    assert [step.name for step in backend.list_steps(cluster_id, most=1)] == ["new"]


def test_steps_are_listed_by_their_states(backend: Backend) -> None:
    cluster_id = backend.launch(SPEC)
    backend.add_steps(cluster_id, [step()])

    ever = backend.list_steps(cluster_id, states=list(StepState))
    interrupted = backend.list_steps(cluster_id, states=[StepState.INTERRUPTED])

    assert len(ever) == 1
    assert interrupted == []


def test_a_cluster_is_as_large_as_its_new_limits_say(place: Place) -> None:
    place.needs("scale")
    cluster_id = place.backend.launch(SPEC)
    limits = replace(SPEC.scaling, minimum_units=32, maximum_units=32)

    place.backend.resize(cluster_id, limits)

    eventually(lambda: workers_asked_for(place.backend, cluster_id) == 32)


def test_describing_an_unknown_cluster_is_not_found(backend: Backend) -> None:
    with pytest.raises(NotFoundError):
        backend.describe(NO_SUCH_CLUSTER)


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda backend: backend.nodes(NO_SUCH_CLUSTER), id="nodes"),
        pytest.param(lambda backend: backend.list_steps(NO_SUCH_CLUSTER), id="list_steps"),
        pytest.param(lambda backend: backend.add_steps(NO_SUCH_CLUSTER, [step()]), id="add_steps"),
        pytest.param(lambda backend: backend.terminate([NO_SUCH_CLUSTER]), id="terminate"),
        pytest.param(
            lambda backend: backend.describe_step(NO_SUCH_CLUSTER, "s-1"), id="describe_step"
        ),
        pytest.param(
            lambda backend: backend.cancel_steps(NO_SUCH_CLUSTER, ["s-1"]), id="cancel_steps"
        ),
    ],
)
def test_an_unknown_cluster_is_not_found(place: Place, use: Callable[[Backend], object]) -> None:
    place.needs("tell unknown clusters by the right error")

    with pytest.raises(NotFoundError):
        use(place.backend)


def test_describing_an_unknown_step_is_not_found(backend: Backend) -> None:
    cluster_id = backend.launch(SPEC)

    with pytest.raises(NotFoundError):
        backend.describe_step(cluster_id, "s-1NOSUCHSTEP")


def test_a_spec_that_emr_would_refuse_is_bad_input_and_starts_nothing(backend: Backend) -> None:
    before = ids_of(backend.list_clusters())

    with pytest.raises(BadInputError):
        backend.launch(replace(SPEC, fleets=()))

    assert ids_of(backend.list_clusters()) == before
