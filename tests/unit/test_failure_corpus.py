"""The kept failures are what tests/failures.py says they are."""

import re

import pytest

from failures import FOLDER, failure_kinds, load_failure
from selfserve.core.evidence import Evidence, LogSource

MADE_LOCALLY = [kind for kind in failure_kinds() if not kind.startswith("emr-")]
MOST_BYTES = 42_000
OF_A_MACHINE = re.compile(r"/root/|/tmp/failures-|\b(?:10|172|192)\.\d+\.\d+\.\d+\b(?!-src)")


def texts(evidence: Evidence) -> list[str]:
    return [
        evidence.exception_message,
        evidence.traceback,
        evidence.step_reason,
        *(log.text for log in evidence.logs),
    ]


@pytest.mark.parametrize("kind", MADE_LOCALLY)
def test_a_failure_comes_with_the_job_that_failed_and_the_drivers_log(kind: str) -> None:
    evidence = load_failure(kind)

    assert (FOLDER / kind / evidence.job).is_file()
    assert LogSource.STEP_STDERR in {log.source for log in evidence.logs}
    assert all(log.name and log.text.strip() for log in evidence.logs)


@pytest.mark.parametrize("kind", MADE_LOCALLY)
def test_only_the_success_has_not_failed(kind: str) -> None:
    is_success = load_failure(kind).step_state == "COMPLETED"

    assert is_success == (kind == "none-success")


@pytest.mark.parametrize("kind", MADE_LOCALLY)
def test_a_failure_is_small_and_names_no_machine(kind: str) -> None:
    evidence = load_failure(kind)

    assert all(len(log.text.encode()) <= MOST_BYTES for log in evidence.logs)
    assert not any(OF_A_MACHINE.search(text) for text in texts(evidence))


def test_there_are_enough_kinds() -> None:
    assert len(MADE_LOCALLY) >= 25
