"""Who may use a cluster and who may end it, one fact a row."""

from datetime import timedelta

import pytest

from fakes import NOON
from selfserve.core.lease import (
    ACT_WITHIN,
    LEASE_TIME,
    Ending,
    Hold,
    Lease,
    begin_ending,
    from_bytes,
    hold,
    is_ending,
    let_go,
    live_holds,
    slots_taken,
    spare,
    to_bytes,
)

A_MOMENT = timedelta(seconds=1)
LATER = NOON + LEASE_TIME
SIGNATURES_LAST = timedelta(minutes=5)


def test_a_request_of_a_holder_arrives_while_its_lease_counts() -> None:
    assert ACT_WITHIN + SIGNATURES_LAST < LEASE_TIME


@pytest.mark.parametrize(
    "lease",
    [
        pytest.param(Lease(), id="none"),
        pytest.param(Lease(3, (Hold("r-1", "ada", NOON), Hold("r-2", "bob", LATER))), id="held"),
        pytest.param(Lease(4, (), Ending("s-1", NOON)), id="being-ended"),
    ],
)
def test_what_was_written_is_read_again(lease: Lease) -> None:
    assert from_bytes(to_bytes(lease, by="r-1")) == lease


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a-list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"fence": 1}', id="half"),
        pytest.param(b'{"fence": 1, "holds": [{}], "ending": null}', id="a-hold-of-nobody"),
        pytest.param(b'{"fence": 1, "holds": [], "ending": "soon"}', id="another-ending"),
        pytest.param(b'{"fence": 1, "holds": [], "ending": null, "by": "\xff"}', id="not-text"),
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  json's own errors are ValueErrors, too
        from_bytes(body)


def test_of_two_who_write_at_once_none_can_take_the_other_s_write_for_its_own() -> None:
    given_back = let_go(hold(Lease(), "r-1", "ada", NOON), "r-1", NOON)

    assert to_bytes(given_back, by="r-1") != to_bytes(given_back, by="r-2")


def test_every_change_has_a_higher_number() -> None:
    held = hold(Lease(), "r-1", "ada", NOON)
    free = let_go(held, "r-1", NOON)
    ending = begin_ending(free, "s-1", NOON)
    spared = spare(ending)

    fences = [lease.fence for lease in (Lease(), held, free, ending, spared)]
    assert fences == [0, 1, 2, 3, 4]


def test_a_run_that_takes_the_lease_again_holds_it_once() -> None:
    again = hold(hold(Lease(), "r-1", "ada", NOON), "r-1", "ada", NOON + A_MOMENT)

    assert again.holds == (Hold("r-1", "ada", NOON + A_MOMENT),)


def test_several_runs_hold_a_cluster_and_each_lets_go_of_its_own() -> None:
    both = hold(hold(Lease(), "r-1", "ada", NOON), "r-2", "bob", NOON)

    assert [one.run_id for one in let_go(both, "r-1", NOON).holds] == ["r-2"]


def test_a_hold_that_is_over_is_dropped_by_the_next_who_writes() -> None:
    first = hold(Lease(), "r-1", "ada", NOON)

    assert live_holds(first, LATER - A_MOMENT)
    assert not live_holds(first, LATER)
    assert [one.run_id for one in hold(first, "r-2", "bob", LATER).holds] == ["r-2"]


def test_a_cluster_that_somebody_holds_is_not_ended() -> None:
    held = hold(Lease(), "r-1", "ada", NOON)

    with pytest.raises(ValueError, match="submitting"):
        begin_ending(held, "s-1", LATER - A_MOMENT)
    assert begin_ending(held, "s-1", LATER).holds == ()


def test_a_hold_whose_step_is_listed_is_kept_for_a_look_that_does_not_list_it() -> None:
    held = hold(Lease(), "r-1", "ada", NOON)

    ending = begin_ending(held, "s-1", NOON, listed={"r-1"})

    assert ending.holds == spare(ending).holds == held.holds


def test_a_cluster_that_is_being_ended_is_not_held() -> None:
    ending = begin_ending(Lease(), "s-1", NOON)

    with pytest.raises(ValueError, match="being ended"):
        hold(ending, "r-1", "ada", LATER - A_MOMENT)


def test_a_sweep_that_died_is_taken_over_from() -> None:
    ending = begin_ending(Lease(), "s-1", NOON)

    assert not is_ending(ending, LATER)
    assert hold(ending, "r-1", "ada", LATER) == Lease(2, (Hold("r-1", "ada", LATER),))
    assert begin_ending(ending, "s-2", LATER).ending == Ending("s-2", LATER)


def test_only_one_sweep_ends_a_cluster() -> None:
    ending = begin_ending(Lease(), "s-1", NOON)

    with pytest.raises(ValueError, match="another sweep"):
        begin_ending(ending, "s-2", NOON + A_MOMENT)
    assert begin_ending(ending, "s-1", NOON + A_MOMENT).ending == Ending("s-1", NOON + A_MOMENT)


def test_a_cluster_that_is_spared_can_be_held_at_once() -> None:
    spared = spare(begin_ending(Lease(), "s-1", NOON))

    assert hold(spared, "r-1", "ada", NOON).holds


@pytest.mark.parametrize(
    ("open_runs", "listed_runs", "other_steps", "taken"),
    [
        pytest.param(set(), set(), 0, 2, id="two-on-their-way"),
        pytest.param({"r-1"}, {"r-1"}, 0, 2, id="one-has-arrived-and-counts-once"),
        pytest.param(set(), {"r-1"}, 0, 1, id="one-is-over-already"),
        pytest.param({"r-0"}, {"r-0"}, 0, 3, id="an-earlier-one-is-still-at-it"),
        pytest.param(set(), set(), 2, 4, id="other-people-s-steps-count"),
    ],
)
def test_a_slot_is_taken_by_what_runs_and_by_what_is_coming(
    open_runs: set[str], listed_runs: set[str], other_steps: int, taken: int
) -> None:
    lease = hold(hold(Lease(), "r-1", "ada", NOON), "r-2", "bob", NOON)

    counted = slots_taken(
        lease, open_runs=open_runs, listed_runs=listed_runs, other_steps=other_steps, now=NOON
    )

    assert counted == taken


def test_a_hold_whose_step_never_came_takes_no_slot_for_ever() -> None:
    lease = hold(Lease(), "r-1", "ada", NOON)

    assert slots_taken(lease, open_runs=(), listed_runs=(), other_steps=0, now=LATER) == 0
