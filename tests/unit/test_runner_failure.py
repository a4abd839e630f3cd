"""What is kept of an exception: short enough to store, with the line that people look for."""

from collections.abc import Callable
from typing import Any

import pytest

from selfserve.runner.failure import shorten, with_short_paths
from selfserve.runner.java import java_cause, reason_of

WORKER = "org.apache.spark.api.python.PythonException"
FRAME = "\tat org.apache.spark.scheduler.Task$$anon$1.run(Task.scala:{})\n"
WORKER_TRACEBACK = """Traceback (most recent call last):
  File "/mnt/yarn/usercache/c_01/pyspark.zip/pyspark/worker.py", line 1247, in main
    process()
  File "/mnt/yarn/usercache/c_01/selfserve_deps/pandas/core/series.py", line 12, in apply
    return f(row)
  File "/mnt/yarn/usercache/c_01/selfserve_code/job.py", line 7, in rate
    return stars[film]
KeyError: 'Alien'
"""


class Java:
    """A Java exception as py4j shows it."""

    def __init__(self, kind: str, message: str | None, cause: "Java | None" = None) -> None:
        self._kind, self._message, self._cause = kind, message, cause

    def getCause(self) -> "Java | None":  # noqa: N802  Java's name
        return self._cause

    def getMessage(self) -> str | None:  # noqa: N802
        return self._message

    def getClass(self) -> "Java":  # noqa: N802
        return self

    def getName(self) -> str:  # noqa: N802
        return self._kind


class RaisedError(Exception):
    """An exception with the attributes that py4j's and PySpark's have."""

    def __init__(self, **attributes: object) -> None:
        super().__init__("raised")
        self.__dict__.update(attributes)


class Dead:
    def getCause(self) -> Any:  # noqa: N802
        raise ConnectionRefusedError


OUT_OF_MEMORY = Java("java.lang.OutOfMemoryError", "Java heap space\nmore")
WORKER_STACK = f"a.Outer: o\nCaused by: {WORKER}: {WORKER_TRACEBACK}\n{FRAME}"
STACK = "org.X: outer\n\tat a.B(C.java:1)\nCaused by: a.Middle: m\nCaused by: a.Inner: why\n\tat x"


def wrapped(inner: BaseException) -> BaseException:
    outer = RuntimeError("the user's own")
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: RaisedError(java_exception=OUT_OF_MEMORY),
            "java.lang.OutOfMemoryError: Java heap space",
        ),
        (
            lambda: RaisedError(_origin=Java("a.Outer", "o", Java("a.Inner", None))),
            "a.Inner",
        ),
        (
            lambda: RaisedError(_origin=Java("a.Outer", "o", Java(WORKER, WORKER_TRACEBACK))),
            f"{WORKER}: KeyError: 'Alien'",
        ),
        (lambda: RaisedError(stackTrace=STACK), "a.Inner: why"),
        (lambda: RaisedError(stackTrace=WORKER_STACK), f"{WORKER}: KeyError: 'Alien'"),
        (
            lambda: wrapped(RaisedError(java_exception=OUT_OF_MEMORY)),
            "java.lang.OutOfMemoryError: Java heap space",
        ),
        (lambda: KeyError("plain"), None),
        (lambda: RaisedError(java_exception=Dead()), None),
        (lambda: RaisedError(_origin="not Java's"), None),
    ],
    ids=[
        "py4j",
        "innermost",
        "worker",
        "text",
        "worker-text",
        "wrapped",
        "python",
        "dead-jvm",
        "odd",
    ],
)
def test_the_innermost_java_exception_is_found(
    make: Callable[[], BaseException], expected: str | None
) -> None:
    assert java_cause(make()) == expected


def test_a_chain_of_errors_that_bites_its_tail_ends() -> None:
    first, second = KeyError(1), KeyError(2)
    first.__cause__, second.__cause__ = second, first

    assert java_cause(first) is None


@pytest.mark.parametrize("depth", [10, 200])
def test_the_users_line_survives_however_much_java_stands_around_it(depth: int) -> None:
    frames = "".join(FRAME.format(number) for number in range(2000))
    deep = WORKER_TRACEBACK.replace(
        "    return f(row)\n", '    return f(row)\n  File "/x/lib.py", line 3, in g\n' * depth
    )
    text = f"An error occurred while calling o9.collect.\n: {WORKER}: {deep}\n{frames}"
    text += f"Caused by: {WORKER}: {deep}\n{frames}\t... 1 more\n"

    short = with_short_paths(shorten(text, 30_000))

    assert len(short) <= 30_100
    assert 'File "job.py", line 7, in rate' in short
    assert 'File "selfserve_deps/pandas/core/series.py", line 12' in short
    assert "KeyError: 'Alien'" in short
    assert short.startswith("An error occurred")
    assert short.count("\tat ") <= 8


def test_what_is_short_is_kept_as_it_is() -> None:
    text = "".join(FRAME.format(number) for number in range(20))

    assert shorten(text, 10_000) == text


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RaisedError(java_exception=OUT_OF_MEMORY), "java.lang.OutOfMemoryError: Java heap space"),
        (OSError("one.\ntwo"), "one"),
        (KeyError(), "KeyError"),
    ],
    ids=["java", "first-line", "no-text"],
)
def test_a_reason_is_one_line(error: Exception, expected: str) -> None:
    assert reason_of(error) == expected
