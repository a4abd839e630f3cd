"""Submitting once more: unchanged files ask for little, and a run's record is enough."""

from dataclasses import replace
from pathlib import Path

import pytest

from fakes import FakeBackend, MemoryStore
from selfserve.core.cluster import ClusterState
from selfserve.core.naming import lease_key
from selfserve.core.program import ArchiveRef, PythonTarget
from selfserve.core.resolve import Resolved
from selfserve.core.run import Submission
from selfserve.errors import AwsError, BadInputError, NotFoundError, OutcomeUnknownError
from selfserve.usecases.again import submit_again
from selfserve.usecases.placement.known_clusters import recall
from selfserve.usecases.records.runs import Run, read_submission, save_submission
from selfserve.usecases.submit import Job, submit
from selfserve.usecases.targets.target import Target
from selfserve.usecases.up import up
from targets import make_target, resolve_small


class House:
    """A live cluster called `mine`, and a job that was submitted to it once."""

    def __init__(self, folder: Path) -> None:
        self.backend, self.store = FakeBackend(), MemoryStore()
        self.target = make_target(backend=self.backend, store=self.store, clock=self.backend.clock)
        self.small = resolve_small(folder / "profiles")
        self.cluster = up(self.target, self.small, name="mine").cluster
        self.job = folder / "train.py"
        self.job.write_text("print('hello')")
        self.first = self.submit()
        self.backend.calls.clear()
        self.store.calls.clear()

    def submit(self) -> Run:
        job = Job(self.job, args=("--rank", "10"))
        return submit(self.target, job, cluster="mine", load_profile=self.load)

    def load(self, _: str) -> Resolved:
        return self.small


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_an_unchanged_job_is_submitted_with_one_request_to_emr_and_three_to_s3_before_it(
    house: House,
) -> None:
    before = dict(house.store.objects)

    run = house.submit()

    assert house.backend.calls == ["add_steps"]
    record, placement = (
        f"selfserve/runs/{run.id}/{name}.json" for name in ("submission", "placement")
    )
    assert set(house.store.objects) - set(before) == {record, placement}
    assert house.store.calls == [
        ("exists", code_key(house)),
        ("put", record),
        ("swap", lease_key(house.cluster.id)),
        ("put", placement),
    ]


def test_one_changed_line_uploads_the_code_and_nothing_else(house: House) -> None:
    house.job.write_text("print('bonjour')")
    before = set(house.store.objects)

    run = house.submit()

    new = {key for key in set(house.store.objects) - before if "/runs/" not in key}
    assert run.submission.program.code is not None
    assert new == {f"selfserve/packages/{run.submission.program.code.sha256}.tar.gz"}


def test_a_remembered_cluster_that_has_ended_is_looked_for_again(house: House) -> None:
    house.backend.move(house.cluster.id, ClusterState.TERMINATED)
    house.backend.refuse("add_steps", AwsError("It is finished.", hint="Look."))
    other = up(house.target, house.small, name="mine").cluster

    run = house.submit()

    assert run.placement.cluster_id == other.id
    known = recall(house.target, "mine")
    assert known is not None
    assert known.destination.cluster_id == other.id
    records = [key for key in house.store.objects if key.endswith("submission.json")]
    assert len(records) == 2, "the attempt that failed has left a record of its own"


def test_a_run_whose_place_cannot_be_written_down_is_not_submitted_twice(house: House) -> None:
    put = house.store.put

    def refuse(key: str, body: bytes, *, only_if_absent: bool = False) -> bool:
        if key.endswith("placement.json"):
            raise AwsError("S3 does not answer.", hint="Try again.")
        return put(key, body, only_if_absent=only_if_absent)

    house.store.put = refuse  # type: ignore[method-assign]

    run = house.submit()

    assert house.backend.calls == ["add_steps"]
    assert run.placement.cluster_id == house.cluster.id


def test_a_lost_answer_stays_one_when_emr_cannot_be_asked_again(house: House) -> None:
    house.backend.refuse("add_steps", OutcomeUnknownError("Lost.", hint="Look."))
    house.backend.refuse("list_steps", AwsError("It does not answer.", hint="Try again."))

    with pytest.raises(OutcomeUnknownError, match="Lost"):
        house.submit()

    assert house.backend.calls.count("add_steps") == 1


def test_two_targets_remember_apart(house: House) -> None:
    other = replace(house.target, bucket="another")

    assert recall(house.target, "mine") is not None
    assert recall(other, "mine") is None


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "7", '{"format": 1}', '{"format": 2, "lease": 3, "etag": null}', "{}"],
)
def test_a_memory_that_cannot_be_read_is_none(house: House, text: str) -> None:
    (file,) = (house.target.cache / "clusters").iterdir()
    file.write_text(text)

    assert recall(house.target, "mine") is None
    assert house.submit().placement.cluster_id == house.cluster.id


def test_again_repeats_program_arguments_and_place(house: House) -> None:
    house.job.unlink()

    run = submit_again(house.target, house.first.id, load_profile=house.load)

    assert run.id != house.first.id
    assert run.submission.repeats == house.first.id
    assert run.submission.program == house.first.submission.program
    assert run.submission.args == ("--rank", "10")
    assert run.placement.cluster_id == house.cluster.id


def test_the_beginning_of_a_runs_id_is_enough(house: House) -> None:
    run = submit_again(house.target, house.first.id[:-1], load_profile=house.load)

    assert run.submission.repeats == house.first.id


def test_again_takes_other_arguments_and_another_cluster(house: House) -> None:
    run = submit_again(
        house.target, house.first.id, args=("x",), cluster="small", load_profile=house.load
    )

    assert run.submission.args == ("x",)
    assert run.submission.is_transient
    assert run.submission.profile == "small"


def test_again_after_the_cluster_of_a_transient_run_makes_another(house: House) -> None:
    job = Job(house.job)
    first = submit(house.target, job, cluster="small", load_profile=house.load)

    second = submit_again(house.target, first.id, load_profile=house.load)

    assert second.submission.is_transient
    assert second.placement.cluster_id != first.placement.cluster_id


def test_again_needs_what_was_shipped(house: House) -> None:
    del house.store.objects[code_key(house)]

    with pytest.raises(NotFoundError, match="no longer there"):
        submit_again(house.target, house.first.id, load_profile=house.load)


def test_again_refuses_packages_of_another_python(house: House) -> None:
    remember_other_python(house.target, house.first.id)

    with pytest.raises(BadInputError, match=r"built for Python 3\.7"):
        submit_again(house.target, house.first.id, load_profile=house.load)


def test_again_of_an_unknown_run_is_not_found(house: House) -> None:
    with pytest.raises(NotFoundError, match="There is no run"):
        submit_again(house.target, "r-20261121-120000-ffffff", load_profile=house.load)


def code_key(house: House) -> str:
    code = house.first.submission.program.code
    assert code is not None
    return f"selfserve/packages/{code.sha256}.tar.gz"


def remember_other_python(target: Target, run_id: str) -> None:
    """Change the record as if the run's packages had been for an old release."""
    submission: Submission = read_submission(target, run_id)
    code = submission.program.code
    assert code is not None
    archive = ArchiveRef(code.uri, code.sha256, code.size, code.sums_sha256)
    old = PythonTarget("3.7", "x86_64-manylinux2014")
    program = replace(submission.program, dependencies=archive, python=old)
    save_submission(target.store, replace(submission, program=program))
