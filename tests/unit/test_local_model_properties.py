"""What holds for every sequence of events, however odd."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from local.example_clusters import NOON, minutes, request, step_config
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import NodeRole
from selfserve.local.control.creation import new_cluster, new_steps
from selfserve.local.control.events import (
    CancelStep,
    CapacityRequested,
    Effect,
    EngineFailed,
    EngineProgress,
    EngineProvisioned,
    EngineReady,
    EngineStopped,
    Event,
    LoadSeen,
    SettingsChanged,
    StartStep,
    StepExited,
    StepsAdded,
    StepsCancelRequested,
    StopEngine,
    TerminateRequested,
    Tick,
)
from selfserve.local.control.load import Load, WorkerSeen
from selfserve.local.control.model import advance
from selfserve.local.control.records import ClusterRecord, InstanceRecord, Json

S = ClusterState
UP = {S.RUNNING, S.WAITING, S.TERMINATING}
NEXT = {
    S.STARTING: {S.BOOTSTRAPPING, *UP},
    S.BOOTSTRAPPING: UP,
    S.RUNNING: UP,
    S.WAITING: UP,
    S.TERMINATING: {S.TERMINATED, S.TERMINATED_WITH_ERRORS},
    S.TERMINATED: set(),
    S.TERMINATED_WITH_ERRORS: set(),
}
T = StepState
NEXT_OF_STEP = {
    T.PENDING: {T.RUNNING, T.CANCELLED},
    T.RUNNING: {T.COMPLETED, T.FAILED, T.CANCEL_PENDING, T.INTERRUPTED},
    T.CANCEL_PENDING: {T.CANCELLED},
}
ACTIONS = st.sampled_from(["CONTINUE", "CANCEL_AND_WAIT", "TERMINATE_CLUSTER"])
POOL = new_steps([step_config(str(n)) for n in range(6)], now=NOON, randomness=Random(5))
STEP_IDS = st.sampled_from([step.id for step in POOL])
GROUPS = new_cluster(request(), now=NOON, randomness=Random(7)).groups
LIMITS = st.none() | st.builds(
    lambda low, more: {
        "ComputeLimits": {
            "UnitType": "InstanceFleetUnits",
            "MinimumCapacityUnits": low,
            "MaximumCapacityUnits": low + more,
        }
    },
    st.integers(0, 5),
    st.integers(1, 5),
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "keep_alive": st.booleans(),
        "protected": st.booleans(),
        "step_concurrency": st.integers(1, 3),
        "idle_timeout_s": st.none() | st.integers(60, 600),
        "scaling": LIMITS,
    },
)
WORKERS_SEEN = st.lists(
    st.builds(WorkerSeen, st.just("worker"), st.none() | st.just(NOON)), max_size=4
)
LOADS = st.builds(Load, WORKERS_SEEN.map(tuple), st.integers(0, 3), st.integers(1, 4))
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.just(EngineProvisioned()),
    st.just(EngineReady()),
    st.builds(EngineProgress, st.just("working")),
    st.builds(EngineFailed, st.just("died"), st.sampled_from(["INTERNAL_ERROR", "USER_REQUEST"])),
    st.just(EngineStopped()),
    st.builds(lambda step: StepsAdded((step,)), st.sampled_from(POOL)),
    st.builds(StepExited, STEP_IDS, st.sampled_from([0, 1, -15, None])),
    st.builds(lambda i, force: StepsCancelRequested((i,), force=force), STEP_IDS, st.booleans()),
    st.just(TerminateRequested()),
    st.builds(SettingsChanged, SETTINGS),
    st.builds(
        CapacityRequested,
        st.sampled_from([group.id for group in GROUPS]),
        st.none() | st.integers(-1, 4),
        st.none() | st.integers(-1, 4),
    ),
    st.builds(LoadSeen, LOADS),
    st.just(Tick()),
)


@st.composite
def requests(draw: st.DrawFn) -> Json:
    steps = [
        step_config(f"first-{n}", on_failure=draw(ACTIONS)) for n in range(draw(st.integers(0, 2)))
    ]
    policy = draw(LIMITS)
    return request(
        *steps,
        keep_alive=draw(st.booleans()),
        protected=draw(st.booleans()),
        StepConcurrencyLevel=draw(st.integers(1, 3)),
        AutoTerminationPolicy={"IdleTimeout": 60},
        **({"ManagedScalingPolicy": policy} if policy else {}),
    )


TIMED_EVENTS = st.lists(st.tuples(EVENTS, st.integers(-30, 90)), max_size=40)


def play(
    asked: Json, timed_events: list[tuple[Event, int]], *, starts_up: bool
) -> tuple[list[ClusterRecord], list[tuple[Effect, ...]]]:
    """Every record that the events lead through, and the effects on the way."""
    records = [new_cluster(asked, now=NOON, randomness=Random(7))]
    effects: list[tuple[Effect, ...]] = []
    if starts_up:  # else most sequences would end before anything has run
        timed_events = [(EngineProvisioned(), 0), (EngineReady(), 0), *timed_events]
    at = 0.0
    for event, seconds in timed_events:
        at += seconds / 60
        record, todo = advance(records[-1], event, minutes(at))
        records.append(record)
        effects.append(todo)
    return records, effects


@given(asked=requests(), events=TIMED_EVENTS, starts_up=st.booleans())
def test_clusters_and_steps_move_along_emrs_states_only(
    *, asked: Json, events: list[tuple[Event, int]], starts_up: bool
) -> None:
    records, _ = play(asked, events, starts_up=starts_up)

    for before, after in pairwise(records):
        assert after.state is before.state or after.state in NEXT[before.state]
        if before.state.is_gone:
            assert after == before
        for was, became in zip(before.steps, after.steps, strict=False):
            assert was.id == became.id
            # Within one event a pending step may start, but then nothing more happens to it.
            assert became.state is was.state or became.state in NEXT_OF_STEP[was.state]


@given(asked=requests(), events=TIMED_EVENTS, starts_up=st.booleans())
def test_the_engine_is_stopped_exactly_on_the_way_out(
    *, asked: Json, events: list[tuple[Event, int]], starts_up: bool
) -> None:
    records, effects = play(asked, events, starts_up=starts_up)

    for (before, after), todo in zip(pairwise(records), effects, strict=True):
        leaves = after.state is S.TERMINATING and before.state is not S.TERMINATING
        assert todo.count(StopEngine()) == leaves
        assert not leaves or todo[-1] == StopEngine()
        if before.state is S.TERMINATING or before.state.is_gone:
            assert todo == ()


@given(asked=requests(), events=TIMED_EVENTS, starts_up=st.booleans())
def test_steps_start_only_on_a_ready_cluster_within_its_concurrency(
    *, asked: Json, events: list[tuple[Event, int]], starts_up: bool
) -> None:
    records, effects = play(asked, events, starts_up=starts_up)

    started = [e.step_id for todo in effects for e in todo if isinstance(e, StartStep)]
    assert len(started) == len(set(started))
    for after, todo in zip(records[1:], effects, strict=True):
        starting = [effect.step_id for effect in todo if isinstance(effect, StartStep)]
        active = sum(s.state in {T.RUNNING, T.CANCEL_PENDING} for s in after.steps)
        assert not starting or after.state is S.RUNNING
        assert not starting or active <= after.step_concurrency
        assert all(after.step(step_id) is not None for step_id in starting)
        for effect in todo:
            if isinstance(effect, CancelStep):
                step = after.step(effect.step_id)
                assert step is not None
                assert step.state is T.CANCEL_PENDING
        if after.state is S.WAITING:
            assert active == 0
            assert after.idle_since is not None
            assert T.PENDING not in {step.state for step in after.steps}


@given(asked=requests(), events=TIMED_EVENTS, starts_up=st.booleans())
def test_timelines_go_forward_and_the_end_is_complete(
    *, asked: Json, events: list[tuple[Event, int]], starts_up: bool
) -> None:
    records, _ = play(asked, events, starts_up=starts_up)
    last = records[-1]

    lives: list[ClusterRecord | InstanceRecord] = [last, *last.instances]
    for timed in lives:
        assert timed.created <= (timed.ready or timed.ended or timed.created)
        assert (timed.ready or timed.created) <= (timed.ended or timed.ready or timed.created)
    for step in last.steps:
        assert step.created <= (step.started or step.ended or step.created)
        assert (step.started or step.created) <= (step.ended or step.started or step.created)
        assert (step.ended is not None) is step.state.is_over
    assert (last.ended is not None) is last.state.is_gone
    if last.state.is_gone:
        assert all(step.state.is_over for step in last.steps)
        assert all(instance.ended for instance in last.instances)
        assert last.reason_code


@given(asked=requests(), events=TIMED_EVENTS, starts_up=st.booleans())
def test_every_live_cluster_has_one_primary_and_a_core_instance(
    *, asked: Json, events: list[tuple[Event, int]], starts_up: bool
) -> None:
    records, _ = play(asked, events, starts_up=starts_up)

    for record in records:
        assert len({instance.id for instance in record.instances}) == len(record.instances)
        if not record.state.is_gone:
            running = [i.role for i in record.instances if i.ended is None]
            assert running.count(NodeRole.PRIMARY) == 1
            assert running.count(NodeRole.CORE) >= 1
