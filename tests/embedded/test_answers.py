"""Answers: batches, what is kept of them, what went wrong, and how they are ended."""

import threading
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet

from embedded_lake import Lake
from selfserve.core.sql.answers import Column
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.text.parameter_types import BaseType, ParameterType
from selfserve.core.sql.text.parameters import Parameter
from selfserve.embedded.answer import EmbeddedAnswer
from selfserve.embedded.errors import engine_errors, file_errors, stream_errors, to_selfserve
from selfserve.embedded.keeping import Keeper
from selfserve.errors import (
    AwsError,
    BadInputError,
    InterruptedByUserError,
    SelfserveError,
)

COLUMNS = (Column("a", "bigint"), Column("A", "varchar"))


def batch(*numbers: int) -> pa.RecordBatch:
    texts = [f"text {number}" for number in numbers]
    return pa.record_batch({"x": pa.array(numbers, pa.int64()), "y": texts})


def answer_to(lake: Lake, text: str, keep: Path | None = None) -> EmbeddedAnswer:
    answer = lake.sql.answer(SqlRequest(text=text, schema="lake"), keep=keep)
    assert isinstance(answer, EmbeddedAnswer)
    return answer


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_kept_rows_are_the_rows_under_plain_names(lake: Lake, tmp_path: Path) -> None:
    keep = tmp_path / "query/rows.parquet"
    answer = answer_to(lake, "select x as a, 'text' as A from (values 1, 2, null) t(x)", keep)

    rows = [row for some in answer.batches() for row in some]
    answer.close()

    assert answer.is_kept
    assert rows == [(1, "text"), (2, "text"), (None, "text")]
    table = parquet.read_table(keep)
    assert table.column_names == ["c0", "c1"]
    assert [tuple(row.values()) for row in table.to_pylist()] == rows
    assert names_in(keep.parent) == ["rows.parquet"]


def test_all_rows_are_kept_and_counted_if_few_are_shown(lake: Lake, tmp_path: Path) -> None:
    lake.add("numbers", "i bigint")
    lake.write_parquet("numbers/1.parquet", {"i": range(50_000)})
    keep = tmp_path / "rows.parquet"
    answer = answer_to(lake, "select i from numbers order by i", keep)

    shown = [row for some in answer.batches(most=3) for row in some]
    answer.close()

    assert shown == [(0,), (1,), (2,)]
    assert answer.figures().rows == 50_000
    assert parquet.read_metadata(keep).num_rows == 50_000


def test_nothing_is_left_of_an_answer_that_is_not_read_to_its_end(
    lake: Lake, tmp_path: Path
) -> None:
    lake.add("numbers", "i bigint")
    lake.write_parquet("numbers/1.parquet", {"i": range(200_000)})
    folder = tmp_path / "query"
    answer = answer_to(lake, "select i from numbers", folder / "rows.parquet")

    next(answer.batches())
    assert names_in(folder) == [".rows.parquet.part"]
    answer.close()

    assert not answer.is_kept
    assert names_in(folder) == []


def test_nothing_is_left_of_an_answer_that_fails(lake: Lake, tmp_path: Path) -> None:
    lake.add("texts", "v varchar")
    lake.write_parquet("texts/1.parquet", {"v": ["1"] * 100_000 + ["x"]})
    folder = tmp_path / "query"
    answer = answer_to(lake, "select cast(v as bigint) as n from texts", folder / "rows.parquet")

    with pytest.raises(BadInputError) as caught:
        list(answer.batches())
    answer.close()

    assert "try_cast" in caught.value.hint
    assert not answer.is_kept
    assert not folder.exists() or names_in(folder) == []


@pytest.mark.parametrize("most_bytes", [0, 30])
def test_rows_that_are_too_many_are_not_kept(tmp_path: Path, most_bytes: int) -> None:
    keeper = Keeper(tmp_path / "rows.parquet", most_bytes=most_bytes)
    keeper.begin(COLUMNS)
    for number in range(3):
        keeper.add(batch(number))
    keeper.complete()
    keeper.close()

    assert not keeper.is_complete
    assert names_in(tmp_path) == []


def test_a_place_that_cannot_be_written_keeps_nothing_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    keeper = Keeper(tmp_path / "file" / "rows.parquet")
    keeper.begin(COLUMNS)

    keeper.add(batch(1))
    keeper.complete()
    keeper.close()

    assert not keeper.is_complete
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("columns", [COLUMNS, ()])
def test_an_answer_without_rows_leaves_no_file(tmp_path: Path, columns: Sequence[Column]) -> None:
    keeper = Keeper(tmp_path / "rows.parquet")
    keeper.begin(columns)
    keeper.complete()
    keeper.close()

    assert not keeper.is_complete
    assert names_in(tmp_path) == []


def wait_and_cancel(answer: EmbeddedAnswer, done: threading.Event) -> None:
    """As the desk does: again and again, since an interrupt may come too early."""
    while not done.wait(0.01):
        answer.cancel()


ENDLESS = (
    "select count(*) from unnest(sequence(1, 10000)) a(x) "
    "cross join unnest(sequence(1, 10000)) b(y) cross join unnest(sequence(1, 10000)) c(z) "
    "where x * y + z = -1"
)


def test_a_long_query_ends_when_another_thread_cancels_it(lake: Lake) -> None:
    answer = answer_to(lake, ENDLESS)
    done = threading.Event()
    thread = threading.Thread(target=wait_and_cancel, args=(answer, done))
    thread.start()

    try:
        with pytest.raises(InterruptedByUserError) as caught:
            list(answer.batches())
    finally:
        done.set()
        thread.join()
        answer.close()

    assert caught.value.exit_code == 130
    assert lake.ask("select 1") == [(1,)]


def test_rows_end_when_the_answer_is_cancelled_between_them(lake: Lake) -> None:
    numbers = "unnest(sequence(1, 10000))"
    answer = answer_to(lake, f"select x, y from {numbers} a(x) cross join {numbers} b(y)")  # noqa: S608
    batches = answer.batches()
    next(batches)

    def cancel_after_each() -> None:
        for _ in batches:
            answer.cancel()

    with pytest.raises(InterruptedByUserError):
        cancel_after_each()

    answer.close()


def test_an_answer_that_was_cancelled_before_does_not_begin(lake: Lake) -> None:
    answer = answer_to(lake, ENDLESS)
    answer.cancel()

    with pytest.raises(InterruptedByUserError):
        _ = answer.columns

    answer.close()


def test_progress_is_a_fraction_or_unknown(lake: Lake) -> None:
    answer = answer_to(lake, "select 1")

    before = answer.progress()
    list(answer.batches())
    answer.close()

    assert before.state == "RUNNING"
    assert before.fraction is None or 0 <= before.fraction <= 1


def failing(sql: str, *settings: str) -> duckdb.Error:
    """The error that DuckDB really raises."""
    with duckdb.connect() as connection:
        for setting in settings:
            connection.execute(setting)
        with pytest.raises(duckdb.Error) as caught:
            connection.execute(sql).fetchall()
    return caught.value


MEMORY = (
    "select count(*) from (select i, count(*), string_agg(i::varchar || 'some text', ',') "
    "from range(5000000) t(i) group by i)"
)


@pytest.mark.parametrize(
    ("sql", "settings", "message", "hint"),
    [
        ("select cast('x' as bigint)", (), "Could not convert string 'x'", "try_cast"),
        ("select error('Cannot cast it')", (), "The query failed: Cannot cast it", "try_cast"),
        ("select 9223372036854775807 + 1::bigint", (), "The query failed: Overflow", "describe"),
        ("select * from nope", (), "The query failed: Table with name nope", "describe"),
        (
            MEMORY,
            ("set memory_limit = '20MB'", "set temp_directory = ''"),
            "more memory",
            "--on aws",
        ),
        (
            "select * from range(3000000) t(i) order by hash(i), i::varchar",
            ("set memory_limit = '20MB'", "set max_temp_directory_size = '1MB'"),
            "The disk is full",
            "--out s3://",
        ),
        ("copy (select 1) to '/dev/full'", (), "The disk is full", "--out s3://"),
        ("select * from read_csv('/nowhere/*.csv')", (), "The query failed", "describe"),
    ],
)
def test_an_error_of_duckdb_says_what_to_do(
    tmp_path: Path, sql: str, settings: tuple[str, ...], message: str, hint: str
) -> None:
    own = f"set temp_directory = '{tmp_path / 'spill'}'"
    error = to_selfserve(failing(sql, own, *settings))

    assert isinstance(error, BadInputError)
    assert message in str(error)
    assert hint in error.hint
    assert "LINE 1" not in str(error)
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            duckdb.HTTPException(
                "HTTP Error: HTTP GET error on 'https://b.s3.amazonaws.com/k' (HTTP 403)"
            ),
            AwsError,
            "S3 does not let you read https://b.s3.amazonaws.com/k.",
        ),
        (
            duckdb.IOException('IO Error: Cannot open "s3://b/k": Access Denied'),
            AwsError,
            "S3 does not let you read s3://b/k.",
        ),
        (
            duckdb.HTTPException(
                'HTTP Error: Unable to connect to URL "https://b/k": 403 (Forbidden).'
            ),
            AwsError,
            "S3 does not let you read https://b/k.",
        ),
        (
            duckdb.HTTPException("HTTP Error: HTTP GET error on 'https://b/k-403' (HTTP 500)"),
            AwsError,
            "S3 could not be read",
        ),
        (
            duckdb.IOException("IO Error: No files found that match 's3://b/HTTP 403/Forbidden'"),
            BadInputError,
            "The query failed: No files found",
        ),
        (
            duckdb.IOException("IO Error: Cannot open file '/lake/part-00403.parquet'"),
            BadInputError,
            "The query failed: Cannot open file",
        ),
        (
            duckdb.IOException("IO Error: Cannot open file '/lake/x': Access Denied"),
            BadInputError,
            "The query failed: Cannot open file",
        ),
        (
            duckdb.HTTPException("HTTP Error: Could not connect to server"),
            AwsError,
            "S3 could not be read: Could not connect to server",
        ),
        (duckdb.InterruptException("INTERRUPT Error: Interrupted!"), InterruptedByUserError, ""),
        (OSError("INTERRUPT Error: Interrupted!"), InterruptedByUserError, ""),
        (OSError("Conversion Error: no number"), BadInputError, "The query failed: no number"),
    ],
)
def test_errors_of_s3_are_told_from_those_of_the_statement(
    error: Exception, kind: type[SelfserveError], message: str
) -> None:
    with pytest.raises(kind) as caught, stream_errors():
        raise error

    assert message in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("said", "is_of_a_file"),
    [
        ("not an ORC file", True),
        ("Corrupt footer", True),
        ("no force in the world", False),
        ("no such resource", False),
    ],
)
def test_what_is_wrong_with_a_file_is_told_from_what_sounds_like_it(
    *, said: str, is_of_a_file: bool
) -> None:
    error = to_selfserve(duckdb.InvalidInputException(f"Invalid Input Error: {said}"))

    assert ("Look at that file" in error.hint) == is_of_a_file


def test_an_error_in_our_own_code_is_no_error_of_the_user() -> None:
    with pytest.raises(ZeroDivisionError), engine_errors():
        _ = 1 / 0


@pytest.mark.parametrize("path", ["/proc/nowhere/x", "/dev/full"])
def test_what_cannot_be_written_is_named(path: str) -> None:
    with (
        pytest.raises(BadInputError, match=r"cannot be written|disk is full"),
        file_errors(Path(path)),
    ):
        Path(path).write_text("x", encoding="utf-8")


SECRET = "the content of a file that is no table"


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('{file}')",
        "select * from read_text('{file}')",
        "select * from read_blob('{file}')",
        "select * from read_json_auto('{file}')",
        "select * from read_parquet('{file}')",
        "select * from parquet_schema('{file}')",
        "select * from '{file}'",
        'select * from "{file}"',
        'select * from lake."{file}"',
        'select * from "main"."{file}"',
        "select * from glob('/**')",
        "select * from sniff_csv('{file}')",
        "select * from table(read_text('{file}'))",
        "select content from unnest(read_text('{file}'))",
        "select (select content from read_text('{file}'))",
        "with x as (select * from read_text('{file}')) select * from x",
        "select read_text('{file}')",
        "select getenv('HOME')",
        "select current_setting('temp_directory')",
        "select * from duckdb_settings()",
        "select * from duckdb_secrets()",
        "select * from query('select 1')",
        "select * from query_table('{file}')",
        "select * from information_schema.tables",
        "select * from pg_catalog.pg_class",
        "copy (select 1) to '{file}'",
        "copy t from '{file}'",
        "attach '{file}' as other",
        "detach lake",
        "use memory",
        "pragma database_list",
        "set enable_external_access = true",
        "set s3_access_key_id = 'x'",
        "reset all",
        "install httpfs",
        "load '{file}'",
        "export database '{file}'",
        "import database '{file}'",
        "create secret (type s3)",
        "create macro f(x) as x",
        "create table t as select * from read_text('{file}')",
        "insert into t select content from read_text('{file}')",
        "insert into t values (read_text('{file}'))",
        "call pragma_version()",
        "checkpoint",
        "vacuum",
        "from read_text('{file}')",
        "select 1; copy (select 1) to '{file}'",
        "select 1 as a from t where a = getvariable('x')",
        "prepare p as select 1",
        "execute p",
    ],
)
def test_no_statement_reaches_what_is_not_in_the_catalogue(
    lake: Lake, tmp_path: Path, statement: str
) -> None:
    lake.add("t", "a varchar")
    file = tmp_path / "secret.csv"
    file.write_text(SECRET)
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(BadInputError) as caught:
        lake.ask(statement.format(file=file))

    assert not str(caught.value).startswith("The query failed")  # DuckDB has not seen it
    assert SECRET not in str(caught.value)
    assert file.read_text() == SECRET
    assert sorted(tmp_path.rglob("*")) == before


def test_values_of_parameters_are_never_read_as_sql(lake: Lake) -> None:
    text = "x' union all select content from read_text('/etc/passwd') --"

    rows = lake.ask("select :v as a", v=Parameter("v", ParameterType(BaseType.VARCHAR), text))

    assert rows == [(text,)]
