"""Submitting: the step that EMR gets, where it goes, and what is written down."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes import FakeBackend, MemoryStore
from selfserve.core.launch import ActionOnFailure, LaunchSpec
from selfserve.core.resolve import Resolved
from selfserve.core.run import is_run_id, make_run_id
from selfserve.errors import BadInputError, NotFoundError, OutcomeUnknownError
from selfserve.usecases.records.runs import find_run
from selfserve.usecases.submit import Job, submit
from selfserve.usecases.targets.target import Target
from selfserve.usecases.up import up
from targets import make_target, resolve_small, write_profiles


@pytest.fixture
def target() -> Target:
    backend = FakeBackend()
    return make_target(backend=backend, clock=backend.clock)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    path = tmp_path / "train.py"
    path.write_text("print('hello')")
    return Job(path, args=("--rank", "10"))


@pytest.fixture
def small(tmp_path: Path) -> Resolved:
    return resolve_small(tmp_path / "profiles")


def test_run_ids_are_recognised_and_sort_by_time() -> None:
    first = make_run_id(datetime(2026, 11, 21, 9, 5, 7, tzinfo=UTC), "ffffff")
    second = make_run_id(datetime(2026, 11, 21, 9, 5, 8, tzinfo=UTC), "000000")

    assert first == "r-20261121-090507-ffffff"
    assert is_run_id(first)
    assert first < second
    with pytest.raises(ValueError, match="hexadecimal"):
        make_run_id(datetime(2026, 11, 21, tzinfo=UTC), "xyz")


def test_a_job_goes_to_the_live_cluster_of_that_name(
    target: Target, job: Job, small: Resolved
) -> None:
    cluster = up(target, small, name="mine").cluster

    run = submit(target, job, cluster="mine", load_profile=never_asked)

    assert run.placement.cluster_id == cluster.id
    assert not run.submission.is_transient
    assert run.submission.profile == "small"
    steps = target.backend.list_steps(cluster.id)
    assert [step.id for step in steps] == [run.placement.step_id]
    assert steps[0].args[-2:] == ("--run", run.submission.run_uri)


def test_a_cluster_can_be_named_by_its_id(target: Target, job: Job, small: Resolved) -> None:
    cluster = up(target, small, name="mine").cluster

    run = submit(target, job, cluster=cluster.id, load_profile=never_asked)

    assert run.submission.cluster == "mine"


def test_a_profile_gives_a_cluster_for_this_run_only(
    target: Target, job: Job, small: Resolved
) -> None:
    run = submit(target, job, cluster="small", load_profile=lambda _: small)

    (spec,) = launched(target)
    assert spec.name.name == run.id
    assert not spec.keep_alive
    assert [step.on_failure for step in spec.steps] == [ActionOnFailure.TERMINATE_CLUSTER]
    assert run.submission.is_transient
    assert run.submission.profile == "small"


def test_everything_a_run_needs_is_in_s3_before_emr_hears_of_it(
    target: Target, job: Job, small: Resolved
) -> None:
    store = target.store
    assert isinstance(store, MemoryStore)
    seen: list[set[str]] = []

    run = submit(
        target,
        job,
        cluster="small",
        load_profile=lambda _: small,
        on_prepared=lambda _: seen.append(set(store.objects)),
    )

    record = json.loads(store.objects[f"selfserve/runs/{run.id}/submission.json"])
    uris = (record["program"]["main_uri"], record["program"]["code"]["uri"])
    assert {uri.removeprefix("s3://memory/") for uri in uris} <= seen[0]
    assert not any(key.startswith("selfserve/launches/") for key in seen[0])
    assert record["args"] == ["--rank", "10"]
    assert record["owner"] == "ada"


@pytest.mark.parametrize(("suffix", "profile"), [("py", "spark-ml"), ("sql", "hive-batch")])
def test_without_a_cluster_the_usual_profile_of_such_a_job_is_used(
    target: Target, small: Resolved, tmp_path: Path, suffix: str, profile: str
) -> None:
    path = tmp_path / f"job.{suffix}"
    path.touch()
    asked: list[str] = []

    def load(name: str) -> Resolved:
        asked.append(name)
        return small

    submit(target, Job(path), load_profile=load)

    assert asked == [profile]


def test_neither_cluster_nor_profile_is_not_found_with_a_suggestion(
    target: Target, job: Job, small: Resolved, tmp_path: Path
) -> None:
    book = write_profiles(tmp_path / "profiles")
    up(target, small, name="mine")

    with pytest.raises(NotFoundError, match="did you mean 'mine'") as refusal:
        submit(target, job, cluster="mien", load_profile=book.resolve)

    assert "selfserve status" in refusal.value.hint


def test_a_bad_job_is_refused_before_anything_is_asked_or_written(target: Target) -> None:
    with pytest.raises(BadInputError):
        submit(target, Job(Path("missing.py")), cluster="small", load_profile=never_asked)

    assert backend_of(target).calls == []
    assert isinstance(target.store, MemoryStore)
    assert target.store.objects == {}


def test_a_step_whose_acceptance_was_lost_is_found_and_not_added_twice(
    target: Target, job: Job, small: Resolved
) -> None:
    cluster = up(target, small, name="mine").cluster
    backend_of(target).lose_answer_of("add_steps")

    run = submit(target, job, cluster="mine", load_profile=never_asked)

    steps = target.backend.list_steps(cluster.id)
    assert [step.id for step in steps] == [run.placement.step_id]


def test_a_step_that_never_arrived_is_an_unknown_outcome(
    target: Target, job: Job, small: Resolved
) -> None:
    up(target, small, name="mine")
    backend_of(target).refuse("add_steps", OutcomeUnknownError("Lost.", hint="Look."))

    with pytest.raises(OutcomeUnknownError):
        submit(target, job, cluster="mine", load_profile=never_asked)


def test_a_run_is_found_again_by_its_id(target: Target, job: Job, small: Resolved) -> None:
    run = submit(target, job, cluster="small", load_profile=lambda _: small)

    assert find_run(target, run.id) == run


def test_a_run_whose_submitter_died_is_found_by_the_name_of_its_step(
    target: Target, job: Job, small: Resolved
) -> None:
    run = submit(target, job, cluster="small", load_profile=lambda _: small)
    target.store.delete(f"selfserve/runs/{run.id}/placement.json")

    assert find_run(target, run.id) == run


def test_a_run_that_nobody_submitted_is_not_found(target: Target) -> None:
    with pytest.raises(NotFoundError, match="There is no run"):
        find_run(target, "r-20261121-120000-ffffff")


def never_asked(name: str) -> Resolved:
    raise AssertionError(f"no profile is needed, but {name} was asked for")


def backend_of(target: Target) -> FakeBackend:
    assert isinstance(target.backend, FakeBackend)
    return target.backend


def launched(target: Target) -> list[LaunchSpec]:
    return backend_of(target).launched
