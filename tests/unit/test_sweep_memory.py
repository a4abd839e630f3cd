"""What sweeps tell each other survives being written down, and is changed as a function."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import NOON
from selfserve.core.idle import IdleAction
from selfserve.core.sweep_memory import (
    Intended,
    Known,
    Memory,
    NewerFormatError,
    allowance,
    forget_gone,
    from_bytes,
    give_back,
    is_being_ended,
    most_endings,
    reserve,
    take_in,
    to_bytes,
)

PERIOD = timedelta(minutes=10)
KNOWN = Known(looked=NOON, next_look=NOON + PERIOD, action=IdleAction.KEEP, reason="it works")

_MOMENTS = st.integers(0, 10**6).map(lambda seconds: NOON + timedelta(seconds=seconds))
_DURATIONS = st.one_of(st.none(), st.integers(0, 10**6).map(lambda s: timedelta(seconds=s)))
_KNOWN = st.builds(
    Known,
    looked=_MOMENTS,
    next_look=_MOMENTS,
    action=st.sampled_from(IdleAction),
    reason=st.text(max_size=20),
    idle_since=st.one_of(st.none(), _MOMENTS),
    ends_at=st.one_of(st.none(), _MOMENTS),
    warned=st.one_of(st.none(), _MOMENTS),
    last_at_work=st.one_of(st.none(), _MOMENTS),
    orphaned=st.one_of(st.none(), st.text(max_size=20)),
    idle=_DURATIONS,
    max_age=_DURATIONS,
    is_ours=st.booleans(),
    applications=st.just(("Spark", "Livy")),
    release=st.just("emr-7.13.0"),
)
_IDS = st.sampled_from(["j-1", "j-2", "j-3", "j-4"])
_MEMORIES = st.builds(
    Memory,
    clusters=st.dictionaries(_IDS, _KNOWN),
    endings=st.dictionaries(_IDS, st.builds(Intended, st.text(max_size=5), _MOMENTS)),
    adopted=st.dictionaries(_IDS, _MOMENTS),
)


@given(memory=_MEMORIES)
def test_it_is_read_as_it_was_written(memory: Memory) -> None:
    assert from_bytes(to_bytes(memory, by="sweep-1")) == memory


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"format": 0}', b"\xff", b"null", b"1"])
def test_what_is_something_else_is_not_read(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a memory of sweeps"):
        from_bytes(body)


def test_a_later_format_is_told_from_what_is_damaged() -> None:
    with pytest.raises(NewerFormatError, match="format 2"):
        from_bytes(b'{"format": 2}')


@pytest.mark.parametrize(
    ("live", "most"), [(0, 5), (5, 5), (25, 5), (29, 5), (30, 6), (2000, 400), (10_000, 2000)]
)
def test_a_fifth_may_end_in_a_period_and_always_five(live: int, most: int) -> None:
    assert most_endings(live) == most


def test_endings_of_all_sweeps_count_for_a_period() -> None:
    memory = reserve(Memory(), ["j-1", "j-2"], "sweep-1", NOON, PERIOD)
    memory = reserve(memory, ["j-3"], "sweep-2", NOON + PERIOD / 2, PERIOD)

    assert allowance(memory, 10, NOON + PERIOD / 2, PERIOD) == 2
    assert allowance(memory, 10, NOON + PERIOD, PERIOD) == 4
    assert allowance(memory, 10, NOON + 2 * PERIOD, PERIOD) == 5


def test_what_another_sweep_is_ending_is_left_to_it() -> None:
    memory = reserve(Memory(), ["j-1"], "sweep-1", NOON, PERIOD)

    assert reserve(memory, ["j-1"], "sweep-2", NOON, PERIOD) == memory
    assert is_being_ended(memory, "j-1", NOON, PERIOD)


def test_what_is_still_there_a_period_later_may_be_ended_again() -> None:
    memory = reserve(Memory(), ["j-1"], "sweep-1", NOON, PERIOD)

    again = reserve(memory, ["j-1"], "sweep-2", NOON + PERIOD, PERIOD)

    assert again.endings == {"j-1": Intended("sweep-2", NOON + PERIOD)}


def test_only_ones_own_intention_is_given_back() -> None:
    memory = reserve(Memory(), ["j-1", "j-2"], "sweep-1", NOON, PERIOD)

    assert give_back(memory, ["j-1"], "sweep-2") == memory
    assert list(give_back(memory, ["j-1"], "sweep-1").endings) == ["j-2"]


def test_a_newer_look_takes_the_place_of_an_older_one_and_not_the_other_way_round() -> None:
    older = Known(looked=NOON - PERIOD, next_look=NOON, action=IdleAction.WARN, reason="it idles")
    memory = Memory(clusters={"j-1": KNOWN, "j-2": older})

    merged = take_in(memory, {"j-1": older, "j-2": KNOWN}, {})

    assert merged.clusters == {"j-1": KNOWN, "j-2": KNOWN}


def test_what_is_gone_by_a_listing_is_forgotten_and_what_came_after_it_is_not() -> None:
    memory = Memory(
        clusters={"j-live": KNOWN, "j-gone": KNOWN},
        endings={"j-gone": Intended("sweep-1", NOON)},
        adopted={"j-gone": NOON},
    )

    before = forget_gone(memory, {"j-live"}, NOON - PERIOD, PERIOD)
    soon = forget_gone(memory, {"j-live"}, NOON + PERIOD, PERIOD)
    late = forget_gone(memory, {"j-live"}, NOON + timedelta(hours=1), PERIOD)

    assert before == memory
    assert list(soon.clusters) == ["j-live"]
    assert list(soon.endings) == ["j-gone"], "it counts for the cap"
    assert (late.endings, late.adopted) == ({}, {})
