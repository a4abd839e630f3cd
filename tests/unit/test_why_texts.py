"""What rules look into: tracebacks, telling lines of logs, and secrets taken out."""

import pytest

from selfserve.core.why.redact import redact
from selfserve.core.why.texts import telling_lines
from selfserve.core.why.tracebacks import parse_tracebacks, users_place

CHAINED = """\
Traceback (most recent call last):
  File "/mnt1/yarn/appcache/container_01/selfserve_code/lib/load.py", line 3, in load
    return open(path)
           ^^^^^^^^^^
FileNotFoundError: [Errno 2] No such file or directory: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/tmp/selfserve-b8rk7zo1/train.py", line 12, in <module>
    main()
  File "/usr/lib/spark/python/lib/pyspark.zip/pyspark/sql/dataframe.py", line 1239, in count
    return int(self._jdf.count())
RuntimeError: no data
"""

WORKER = """\
26/11/21 ERROR Executor: Exception in task 0.0
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/usr/lib/spark/python/lib/pyspark.zip/pyspark/worker.py", line 1247, in main
    process()
  File "train.py", line 4, in score
    return 1 / row.n
ZeroDivisionError: division by zero
"""


def test_every_traceback_of_a_chain_is_found_in_order() -> None:
    cause, outer = parse_tracebacks(CHAINED)

    assert cause.error == "FileNotFoundError: [Errno 2] No such file or directory: 'x'"
    assert outer.error == "RuntimeError: no data"
    assert not cause.is_workers


def test_frames_of_spark_are_not_the_users_and_files_are_named_as_the_user_does() -> None:
    outer = parse_tracebacks(CHAINED)[1]

    assert outer.shown() == (
        'File "train.py", line 12, in <module>',
        "  main()",
        "RuntimeError: no data",
    )
    assert parse_tracebacks(CHAINED)[0].frames[0].file == "lib/load.py"


def test_a_workers_traceback_is_known_as_such() -> None:
    (found,) = parse_tracebacks(WORKER)

    assert found.is_workers
    assert found.users_frames[-1].place == "line 4 of train.py"


def test_the_users_place_is_that_of_the_last_traceback() -> None:
    assert users_place(CHAINED) == "line 12 of train.py"
    assert users_place("no traceback at all") is None


def test_a_traceback_that_is_cut_off_is_left_out() -> None:
    assert parse_tracebacks(CHAINED.partition("FileNotFoundError")[0]) == []


def test_telling_lines_are_kept_once_and_the_last_of_their_kind() -> None:
    log = """\
INFO all is well
WARN Lost task 1.0 in stage 3.0
\tat org.apache.spark.SparkException$.internalError(SparkException.scala:1)
ERROR something else
WARN Lost task 7.0 in stage 3.0
"""

    assert telling_lines(log) == ["ERROR something else", "WARN Lost task 7.0 in stage 3.0"]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("key AKIAIOSFODNN7EXAMPLE is used", "key [redacted] is used"),
        ("secret_key=abcd1234", "secret_key=[redacted]"),
        ('"aws_secret_access_key": "abcd1234"', '"aws_secret_access_key": "[redacted]"'),
        ("jdbc:postgresql://ada:pa55@db/x", "jdbc:postgresql://[redacted]@db/x"),
        (
            "GET https://b.s3.amazonaws.com/k?X-Amz-Signature=0123abcd&x=1",
            "GET https://b.s3.amazonaws.com/k?X-Amz-Signature=[redacted]&x=1",
        ),
        ("Authorization: Bearer abcdef.ghijkl", "Authorization: [redacted]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[redacted]"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[redacted]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "[redacted]"),
        ("\x1b[31mred\x1b[0m", "red"),
        pytest.param(*["da39a3ee5e6b4b0d3255bfef95601890afd80709"] * 2, id="a-checksum-stays"),
        pytest.param(*["Syntax error at or near token: select"] * 2, id="a-word-stays"),
        pytest.param(
            *["the secret TOKEN (s3://bucket/secrets/token): none"] * 2, id="an-uri-stays"
        ),
        pytest.param(*["the key 'price' is missing; primary key: id"] * 2, id="a-key-stays"),
    ],
)
def test_redact(text: str, clean: str) -> None:
    assert redact(text) == clean
