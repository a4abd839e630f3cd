"""`core.why` on real failures: each is told by its own rule, and nothing else is seen in it."""

import json
import re
from functools import cache
from typing import Any

import pytest

from failures import FOLDER, failure_kinds, load_failure
from selfserve.core.evidence import Evidence, Log, LogSource
from selfserve.core.why.diagnose import diagnose, find_matches
from selfserve.core.why.rules import Level, load_rules
from selfserve.core.why.verdict import UNKNOWN, Names, Verdict

SUCCESS = "none-success"
FAILURES = [kind for kind in failure_kinds() if kind != SUCCESS]

_CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{20,}|\d{3,}(?:\.\d+)?")


def expected(kind: str) -> dict[str, Any]:  # Any: JSON
    return dict(json.loads((FOLDER / kind / "expected.json").read_text(encoding="utf-8")))


def steady(text: str) -> str:
    """Without what differs each time that a failure is made: ids, sizes."""
    return _CHANGING.sub("#", text)


@cache
def verdict_on(kind: str) -> Verdict:
    return diagnose(load_failure(kind), load_rules())


def logged(source: LogSource, text: str, **more: Any) -> Evidence:
    return Evidence(job="job.py", logs=(Log(source, "here", text),), **more)


def test_there_are_many_kinds_of_failures_of_jobs_and_of_launches() -> None:
    kinds = {expected(kind)["kind"] for kind in FAILURES}

    assert len([kind for kind in kinds if not kind.startswith("emr-")]) >= 25
    assert len([kind for kind in kinds if kind.startswith("emr-")]) >= 15


@pytest.mark.parametrize("kind", FAILURES)
def test_a_real_failure_is_told_by_its_rule(kind: str) -> None:
    wanted = expected(kind)

    verdict = verdict_on(kind)

    assert verdict.kind == wanted["kind"]
    assert verdict.is_known
    assert steady(verdict.cause) == wanted["cause"]
    shown = [[quote.source, steady(quote.lines[-1])[:120]] for quote in verdict.quotes]
    assert shown == wanted["quotes"]


@pytest.mark.parametrize("kind", FAILURES)
def test_a_verdict_fits_on_a_screen_and_leads_on(kind: str) -> None:
    verdict = verdict_on(kind)

    lines = [line for quote in verdict.quotes for line in quote.lines]
    assert len(lines) + len(verdict.quotes) + 4 <= 25
    assert all(len(line) <= 240 for line in lines)
    assert verdict.next_step
    assert verdict.command is None or "\n" not in verdict.command


@pytest.mark.parametrize("kind", FAILURES)
def test_only_one_rule_claims_to_be_the_cause_as_surely(kind: str) -> None:
    matches = find_matches(load_failure(kind), load_rules())

    best = [match.rule.id for match in matches if match.depth == matches[0].depth]

    assert best == [expected(kind)["kind"]]


def test_no_rule_sees_a_failure_in_a_run_that_succeeded() -> None:
    evidence = load_failure(SUCCESS)

    assert evidence.exit_code == 0
    assert evidence.logs
    assert find_matches(evidence, load_rules()) == []


@pytest.mark.parametrize(
    "kind", [kind for kind in FAILURES if load_failure(kind).traceback and "syntax" not in kind]
)
def test_the_users_own_traceback_comes_first(kind: str) -> None:
    verdict = verdict_on(kind)

    first = verdict.quotes[0]
    assert first.source == "your traceback"
    assert first.lines[0].startswith('File "job.py", line ')


def test_an_unknown_failure_says_so_and_shows_the_likeliest_lines() -> None:
    log = """\
26/11/21 08:12:42 WARN NativeCodeLoader: Unable to load native-hadoop library
26/11/21 08:12:43 INFO SparkContext: Running Spark version 3.5.8
26/11/21 08:13:00 ERROR Frobnicator: the flux is out of balance
Caused by: com.example.FluxException: 7 of 9
26/11/21 08:13:01 INFO ShutdownHookManager: Shutdown hook called
"""

    verdict = diagnose(
        logged(LogSource.STEP_STDERR, log, step_reason="Unknown Error"),
        load_rules(),
        Names(run="r-20261121-093015-4f2a9c"),
    )

    assert verdict.kind == UNKNOWN
    assert not verdict.is_known
    assert verdict.cause == "No rule knows why job.py failed; the likeliest lines are below."
    assert [quote.lines for quote in verdict.quotes] == [
        ("Caused by: com.example.FluxException: 7 of 9",)
    ]
    assert verdict.command == "selfserve logs r-20261121-093015-4f2a9c --stderr"


def test_nothing_known_is_an_unknown_failure_too() -> None:
    verdict = diagnose(Evidence(job="job.py", step_state="FAILED"), load_rules())

    assert verdict.kind == UNKNOWN
    assert verdict.quotes == ()


def test_what_the_job_prints_is_no_evidence() -> None:
    printed = "java.lang.OutOfMemoryError: Java heap space, said the training data"

    verdict = diagnose(logged(LogSource.JOB_STDOUT, printed, exit_code=3), load_rules())

    assert verdict.kind == "job-exit"


def test_an_error_that_the_job_survived_does_not_explain_what_ended_it() -> None:
    log = "WARN TaskSetManager: Lost task 1.0: java.io.IOException: No space left on device"

    verdict = diagnose(
        logged(
            LogSource.STEP_STDERR,
            log,
            exit_code=1,
            exception_type="ValueError",
            exception_message="no ratings for today",
        ),
        load_rules(),
    )

    assert verdict.kind == "python-exception"
    assert "no ratings for today" in verdict.cause


def test_a_log_explains_an_exception_that_only_follows_from_something() -> None:
    log = "INFO BlockManager: ...\njava.io.IOException: No space left on device"

    verdict = diagnose(
        logged(
            LogSource.CONTAINER_STDERR,
            log,
            exit_code=1,
            exception_type="py4j.protocol.Py4JJavaError",
            exception_message="An error occurred while calling o1.count.\n: org.apache.spark."
            "SparkException: Job aborted due to stage failure: Task 0 in stage 1.0 failed 4 times, "
            "most recent failure: Lost task 0.3 in stage 1.0 (TID 3) (host executor 2): "
            "FetchFailed(null, shuffleId=0)",
        ),
        load_rules(),
    )

    assert verdict.kind == "disk-full"
    assert verdict.quotes[-1].name == "here"


def test_what_a_log_says_cannot_become_another_command() -> None:
    message = "No module named 'x'"
    hostile = load_failure("missing-path")
    evil = "s3://bucket/$(rm -rf ~);`id`"

    paths = diagnose(
        Evidence(
            job="job name; rm -rf ~.py",
            exception_type=hostile.exception_type,
            exception_message=f"[PATH_NOT_FOUND] Path does not exist: {evil}.",
        ),
        load_rules(),
    )
    modules = diagnose(
        Evidence(job="$(id).py", exception_type="ModuleNotFoundError", exception_message=message),
        load_rules(),
    )

    assert paths.command == "aws s3 ls 's3://bucket/$(rm'"
    assert modules.command == "uv add --script '$(id).py' x"


def test_a_verdict_shows_no_secret_and_no_control_character() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

    verdict = diagnose(
        Evidence(
            job="job.py",
            exit_code=1,
            exception_type="ValueError",
            exception_message=f"cannot log in with {secret} \x1b[2J as AKIAIOSFODNN7EXAMPLE",
            traceback='Traceback (most recent call last):\n  File "job.py", line 1, in <module>\n'
            f'    login(password="hunter22")\nValueError: cannot log in with {secret} \x1b[2J\n',
        ),
        load_rules(),
    )

    shown = repr(verdict)
    assert verdict.kind == "python-exception"
    for hidden in (secret, "AKIAIOSFODNN7EXAMPLE", "hunter22", r"\x1b"):
        assert hidden not in shown
    assert "[redacted]" in shown


def test_a_hundred_megabytes_of_logs_are_looked_at_by_their_ends() -> None:
    progress = "26/11/21 08:12:42 INFO TaskSetManager: Finished task in stage 1.0\n" * 1_600_000
    log = f"{progress}java.io.IOException: No space left on device\n"

    verdict = diagnose(logged(LogSource.STEP_STDERR, log), load_rules())

    assert len(log) > 100_000_000
    assert verdict.kind == "disk-full"


def test_causes_go_before_consequences_before_symptoms() -> None:
    assert Level.CAUSE > Level.CONSEQUENCE > Level.SYMPTOM
