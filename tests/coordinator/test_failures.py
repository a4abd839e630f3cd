"""What errors of Trino and Presto mean to a person."""

from typing import Any

import pytest

from selfserve.coordinator.client import open_answer
from selfserve.coordinator.connection import Coordinator
from selfserve.coordinator.failures import Asked, from_protocol, to_selfserve_error
from selfserve.core.sql.problems import SqlError
from selfserve.errors import (
    AwsError,
    BadInputError,
    ClusterFailedError,
    JobFailedError,
    RefusedByPolicyError,
    SelfserveError,
)
from trino_queries import QueryError, Scripted
from trino_server import TrinoServer

FORBIDDEN = (
    "com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Service: Amazon S3; "
    "Status Code: 403; Error Code: AccessDenied; Request ID: X; S3 Extended Request ID: Y)"
)
FILE = "s3://lake/films/day=2026-01-01/part-0.parquet"


def external(name: str, message: str, *causes: str) -> QueryError:
    return QueryError(name, message, kind="EXTERNAL", causes=causes)


# What the engine says; our error; what its message has; what its hint has.
TABLE: Any = [
    pytest.param(
        external("HIVE_FILESYSTEM_ERROR", "Failed to list directory: s3a://lake/secret/films",
                 FORBIDDEN),
        AwsError, "Trino has no permission to read s3://lake/secret/", "aws s3 ls s3://lake/secret/",
        id="no-permission-on-a-prefix",
    ),
    pytest.param(
        external("HIVE_CANNOT_OPEN_SPLIT", f"Error opening Hive split {FILE} (offset=0, length=9): "
                 "Access Denied", FORBIDDEN),
        AwsError, "no permission to read s3://lake/films/day=2026-01-01/", "s3:GetObject",
        id="no-permission-on-a-file",
    ),
    pytest.param(
        external("HIVE_CANNOT_OPEN_SPLIT", f"Error opening Hive split {FILE} (offset=0, length=9): "
                 f"Malformed Parquet file", f"{FILE} is not a valid Parquet File"),
        BadInputError, f"cannot read {FILE}: Error opening", f"aws s3 cp {FILE}",
        id="not-a-parquet-file",
    ),
    pytest.param(
        external("HIVE_BAD_DATA", f"Not valid Parquet file: {FILE} expected magic number: PAR1 "
                 "got: a,b,"),
        BadInputError, f"cannot read {FILE}: Not valid", "Move it away", id="csv-for-parquet",
    ),
    pytest.param(
        external("HIVE_CANNOT_OPEN_SPLIT", f"Error opening Hive split {FILE}: no such key",
                 "The specified key does not exist. (Status Code: 404; Error Code: NoSuchKey)"),
        BadInputError, f"went away while Trino read it: {FILE}", "ask again", id="file-went-away",
    ),
    pytest.param(
        QueryError("HIVE_PARTITION_SCHEMA_MISMATCH", "There is a mismatch between the table and "
                   "partition schemas. The types are incompatible and cannot be coerced. The "
                   "column 'n' in table 'd.t' is declared as type 'bigint', but partition "
                   "'day=1' declared column 'n' as type 'string'."),
        BadInputError, "do not have the same columns: There is a mismatch", "different folders",
        id="two-schemas-in-partitions",
    ),
    pytest.param(
        external("HIVE_BAD_DATA", "Unsupported Trino column type (bigint) for Parquet column "
                 f"([n] optional binary n (STRING)) in {FILE}"),
        BadInputError, "do not have the same columns: Unsupported", "different folders",
        id="two-schemas-in-one-folder",
    ),
    pytest.param(
        QueryError("EXCEEDED_LOCAL_MEMORY_LIMIT", "Query exceeded per-node memory limit of 20GB",
                   kind="INSUFFICIENT_RESOURCES"),
        JobFailedError, "needs more memory", "selfserve resize adhoc-presto", id="memory",
    ),
    pytest.param(
        QueryError("EXCEEDED_TIME_LIMIT", "Query exceeded the maximum execution time limit of 4h",
                   kind="INSUFFICIENT_RESOURCES"),
        RefusedByPolicyError, "time limit of 4h", "fewer days", id="time",
    ),
    pytest.param(
        QueryError("QUERY_QUEUE_FULL", 'Too many queued queries for "global"',
                   kind="INSUFFICIENT_RESOURCES"),
        RefusedByPolicyError, "Too many queued", "Try again", id="queue",
    ),
    pytest.param(
        QueryError("ADMINISTRATIVELY_KILLED", "Query killed. Message: too big",
                   kind="INSUFFICIENT_RESOURCES"),
        RefusedByPolicyError, "Query killed. Message: too big", "administrator", id="killed",
    ),
    pytest.param(
        QueryError("USER_CANCELED", "Query was canceled"), RefusedByPolicyError,
        "Query was canceled", "Somebody cancelled it", id="cancelled-by-others",
    ),
    pytest.param(
        QueryError("PERMISSION_DENIED", "Access Denied: Cannot select from table d.t"),
        RefusedByPolicyError, "Cannot select from table d.t", "right to read", id="no-right",
    ),
    pytest.param(
        QueryError("SERVER_SHUTTING_DOWN", "Server is shutting down", kind="INTERNAL_ERROR"),
        ClusterFailedError, "shutting down", "selfserve status adhoc-presto", id="shuts-down",
    ),
    pytest.param(
        QueryError("NO_NODES_AVAILABLE", "No nodes available to run query",
                   kind="INTERNAL_ERROR"),
        ClusterFailedError, "No nodes available", "selfserve why adhoc-presto", id="no-workers",
    ),
    pytest.param(
        QueryError("FUNCTION_NOT_FOUND", "line 1:8: Function 'sun' not registered. Did you mean "
                   "'sum'?", place=(1, 8)),
        SqlError, "Line 1, column 8: Function 'sun' not registered. Did you mean 'sum'?",
        "SHOW FUNCTIONS", id="function",
    ),
    pytest.param(
        QueryError("DIVISION_BY_ZERO", "Division by zero"), SqlError, "Division by zero",
        "Correct the statement", id="without-a-place",
    ),
    pytest.param(
        QueryError("GENERIC_INTERNAL_ERROR", "null", kind="INTERNAL_ERROR"), JobFailedError,
        "could not answer the query: null (GENERIC_INTERNAL_ERROR)", "why adhoc-presto", id="bug",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("error", "kind", "message", "hint"), TABLE)
def test_errors_of_the_engine_say_what_happened_and_what_to_do(
    error: QueryError, kind: type[SelfserveError], message: str, hint: str
) -> None:
    asked = Asked("Trino", "adhoc-presto", "SELECT sun(n) FROM films")

    shown = to_selfserve_error(from_protocol(error.to_json()), asked)

    assert type(shown) is kind
    assert message in str(shown)
    assert hint in shown.hint


def test_an_error_of_the_engine_ends_the_reading(trino: Coordinator, server: TrinoServer) -> None:
    error = QueryError("EXCEEDED_TIME_LIMIT", "too long", kind="INSUFFICIENT_RESOURCES")
    server.scripted["SELECT 1"] = Scripted(then=error)

    with pytest.raises(RefusedByPolicyError, match="too long"):
        list(open_answer(trino, "SELECT 1").batches())


def test_a_place_in_a_statement_that_is_executed_at_once_is_the_users(
    trino: Coordinator, server: TrinoServer
) -> None:
    long = "SELECT nix FROM t WHERE a = ?\n-- " + "x" * 7000
    said = "line 2:8: Column 'nix' cannot be resolved"
    error = QueryError("COLUMN_NOT_FOUND", said, place=(2, 8))
    server.scripted[long] = Scripted(then=error)

    with pytest.raises(SqlError) as raised:
        list(open_answer(trino, long, (1,)).batches())

    assert str(raised.value).startswith("Line 1, column 8: Column 'nix'")
    assert str(raised.value).endswith("         ^^^")
