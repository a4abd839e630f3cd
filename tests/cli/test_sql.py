"""`selfserve sql` on this machine, as its users type it; the endpoint and the worker are real."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from homes import SELFSERVE
from selfserve.cli.app import app
from selfserve.local.endpoint import LocalEndpoint

Sql = Callable[..., Result]

MANY = "select x from unnest(sequence(1, 1000)) a(x) cross join unnest(sequence(1, 1000)) b(y)"
"""A million rows."""


@pytest.fixture
def sql(endpoint: LocalEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sql:
    """Run `selfserve sql` in-process, in a directory of its own."""
    monkeypatch.setenv("SELFSERVE_LOCAL_HOME", str(endpoint.home))
    monkeypatch.setenv("SELFSERVE_CONFIG", str(tmp_path / "config" / "config.yaml"))
    monkeypatch.setenv("SELFSERVE_USER", tmp_path.name.lower()[:40])  # a history of its own
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str | None = None) -> Result:
        command = arguments if arguments[:1] and arguments[0] in _OTHERS else ("sql", *arguments)
        return CliRunner().invoke(app, command, input=stdin, catch_exceptions=False)

    return run


_OTHERS = {"queries", "result", "which"}


def test_a_statement_is_a_table(sql: Sql) -> None:
    done = sql("select 42 as answer, 'x' as t")

    assert done.exit_code == 0
    assert done.stdout == "answer  t\n    42  x\n"
    assert "1 row" in done.stderr


def test_the_shortest_command_says_the_same(
    sql: Sql,
) -> None:
    del sql
    done = subprocess.run(
        [SELFSERVE, "sql", "select 42 as answer"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "answer\n    42\n")


@pytest.mark.parametrize(
    ("statement", "code", "said"),
    [
        pytest.param("selec 1", 2, "Line 1, column 7", id="syntax"),
        pytest.param("select * from flims", 2, "there is no table default.flims", id="table"),
        pytest.param("select a from (values 1) t(b)", 2, "there is no column 'a'", id="column"),
        pytest.param("select rand()", 2, "does not do rand()", id="unsupported"),
        pytest.param("select 1 / 0", 2, "ivision by zero", id="data"),
        pytest.param("select 'open", 2, "Line 1, column 8", id="unclosed"),
        pytest.param("", 2, "There is no statement", id="nothing"),
        pytest.param("grant select on t to u", 2, "not", id="another-kind"),
        pytest.param("show tables from nowhere", 2, "there is no schema nowhere", id="schema"),
    ],
)
def test_a_wrong_statement_gets_its_reason_and_a_hint(
    sql: Sql, statement: str, code: int, said: str
) -> None:
    done = sql("-", stdin=statement)

    assert done.exit_code == code
    assert said in done.stderr
    assert " hint: " in done.stderr
    assert done.stdout == ""


_HEAVY = ("boto3", "botocore", "duckdb", "http.client", "pyarrow", "pydantic", "sqlglot", "typer")
_LOADED = f"""
import atexit, sys
sys.argv = ["selfserve", "sql", "select 1"]
atexit.register(lambda: print(*[n for n in {_HEAVY!r} if n in sys.modules], file=sys.stderr))
from selfserve.cli import main
main()
"""  # noqa: S608  a program, with a statement in it


def test_the_shortest_command_loads_nothing_heavy_while_the_worker_is_up(sql: Sql) -> None:
    sql("select 1")

    done = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == ""


def test_the_shortest_command_fails_the_same(sql: Sql) -> None:
    del sql
    done = subprocess.run(
        [SELFSERVE, "sql", "selec 1"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "\n  selec 1\n        ^\n" in done.stderr


@pytest.mark.parametrize(
    ("option", "read"),
    [("csv", lambda text: list(csv.DictReader(text.splitlines()))), ("json", json.loads)],
)
def test_rows_come_in_formats_that_programs_read(
    sql: Sql, option: str, read: Callable[[str], object]
) -> None:
    done = sql("select 'a,b' as t, cast(null as varchar) as n", "-o", option)

    missing = "" if option == "csv" else None
    assert read(done.stdout) == [{"t": "a,b", "n": missing}]


def test_lists_come_in_these_formats_too(sql: Sql) -> None:
    done = sql("show schemas like 'default'", "-o", "json")

    assert json.loads(done.stdout) == [{"Schema": "default"}]


def test_a_schema_in_use_is_where_later_statements_look(sql: Sql) -> None:
    done = sql('use hive."default" -- as ever\n; select 1 as a; select * from t', "-o", "csv")
    unknown = sql("use defualt")

    assert done.stdout == "a\n1\n"
    assert "there is no table default.t" in done.stderr
    assert (unknown.exit_code, "did you mean 'default'?" in unknown.stderr) == (2, True)


def test_what_creating_a_table_from_a_query_reads_is_estimated(sql: Sql) -> None:
    done = sql("--explain-cost", "create table t as select * from nothing; show tables")

    assert done.exit_code == 2
    assert "there is no table default.nothing" in done.stderr


@pytest.mark.parametrize("option", [["--explain-cost"], ["--param", "a=1"]])
def test_the_prompt_takes_nothing_that_is_about_a_statement(
    sql: Sql, option: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfserve.cli.sql.can_ask", lambda: True)

    done = sql(*option)

    assert done.exit_code == 2
    assert f"{option[0]} is about a statement" in done.stderr


def test_parquet_goes_to_a_file(sql: Sql, tmp_path: Path) -> None:
    done = sql("select 1.50 as price", "--out", "prices.parquet")

    import pyarrow.parquet

    assert done.exit_code == 0
    assert done.stdout == ""
    table = pyarrow.parquet.read_table(tmp_path / "prices.parquet")
    assert str(table.schema.field("price").type) == "decimal128(3, 2)"


def test_a_file_is_not_replaced_unless_that_is_said(sql: Sql, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("precious")

    refused = sql("select 1 as one", "--out", "out.csv")
    forced = sql("select 1 as one", "--out", "out.csv", "--force")

    assert (refused.exit_code, forced.exit_code) == (2, 0)
    assert "out.csv is there already" in refused.stderr
    assert (tmp_path / "out.csv").read_text() == "one\n1\n"


def test_a_failed_statement_leaves_no_file(sql: Sql, tmp_path: Path) -> None:
    done = sql("select 1 / (x - 3) from unnest(sequence(1, 5)) t(x)", "--out", "out.csv")

    assert done.exit_code == 2
    assert [path for path in tmp_path.iterdir() if "out" in path.name] == []


def test_a_file_without_a_known_ending_needs_a_format(sql: Sql) -> None:
    done = sql("select 1", "--out", "out.txt")

    assert done.exit_code == 2
    assert "In which format" in done.stderr


def test_a_result_that_the_disk_has_no_room_for(sql: Sql) -> None:
    done = sql(MANY, "--out", "/dev/full", "-o", "csv")

    assert done.exit_code == 2
    assert "larger than the disk" in done.stderr


def test_parameters_are_typed_values(sql: Sql) -> None:
    done = sql(
        "select :day as d, :name as n", "--param", "day=2026-01-01", "-p", "name=x' or '1'='1"
    )

    assert done.stdout.splitlines()[1].split("  ") == ["2026-01-01", "x' or '1'='1"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param([], ":day has no value", id="missing"),
        pytest.param(["day:date=soon"], "2026-01-31", id="wrong-type"),
        pytest.param(["day=2026-01-01", "dai=1"], "dai", id="unused"),
    ],
)
def test_a_parameter_that_is_missing_or_wrong_is_told(
    sql: Sql, given: list[str], said: str
) -> None:
    options = [part for one in given for part in ("--param", one)]

    done = sql("select date_add('day', 1, :day)", *options)

    assert done.exit_code == 2
    assert said in done.stderr


def test_statements_of_a_file_run_one_after_the_other(sql: Sql, tmp_path: Path) -> None:
    (tmp_path / "two.sql").write_text(
        "select 1 as a;\n-- a comment; with a semicolon\nselect 2 as b"
    )

    done = sql("-f", "two.sql", "-o", "csv")

    assert done.stdout == "a\n1\nb\n2\n"


def test_an_error_in_a_script_ends_it(sql: Sql) -> None:
    done = sql("select 1 as a; select nothing; select 3 as c", "-o", "csv")

    assert done.exit_code == 2
    assert done.stdout == "a\n1\n"


def test_saved_queries_are_run_by_name(sql: Sql, tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "next_day.sql").write_text(
        "-- description: the day after\n-- param: day date\nselect date_add('day', 1, :day) as d"
    )

    done = sql("@next_day", "--param", "day=2026-01-31")
    listed = sql("queries", "--saved")

    assert done.stdout.splitlines()[1].strip() == "2026-02-01"
    assert "@next_day" in listed.stdout
    assert sql("@next_dai").exit_code == 4


def test_every_query_is_written_down(sql: Sql) -> None:
    sql("select 1 as a")
    sql("select nothing")

    listed = json.loads(sql("queries", "--mine", "-o", "json").stdout)

    assert [(one["state"], one["rows"]) for one in listed] == [("FAILED", None), ("FINISHED", 1)]
    assert listed[1]["text"] == "select 1 as a"
    assert listed[1]["answered_by"] == "the embedded engine"
    assert listed[1]["cost"] == "0.0000"
    assert "there is no column" in listed[0]["error"]


def test_a_result_is_shown_again_without_running_it(sql: Sql) -> None:
    first = sql("select 1.50 as price, timestamp '2026-01-01 10:00:00.123' as at, array[1, 2] as a")
    (query,) = json.loads(sql("queries", "--mine", "-o", "json").stdout)

    again = sql("result", query["query_id"])

    assert again.stdout == first.stdout
    assert len(json.loads(sql("queries", "--mine", "-o", "json").stdout)) == 1


def test_a_query_is_repeated_with_its_parameters(sql: Sql) -> None:
    sql("select :name as n", "--param", "name=it's")

    again = sql("--again")
    changed = sql("--again", "--param", "name=other")

    assert again.stdout == "n\nit's\n"
    assert changed.stdout == "n\nother\n"


def test_a_query_that_is_not_there(sql: Sql) -> None:
    assert sql("result", "q-20260101-000000-abcdef").exit_code == 4
    assert sql("--again", "q-20260101-000000-abcdef").exit_code == 4


def test_explain_cost_runs_nothing(sql: Sql) -> None:
    done = sql("--explain-cost", "select 1 / 0")

    assert done.exit_code == 0
    assert "costs nothing on this machine" in done.stdout
    assert json.loads(sql("queries", "--mine", "-o", "json").stdout) == []


def test_the_cost_of_what_is_no_statement(sql: Sql) -> None:
    done = sql("--explain-cost", "selct 1")

    assert done.exit_code == 2
    assert "Line 1" in done.stderr


def test_a_dash_is_standard_output(sql: Sql, tmp_path: Path) -> None:
    assert sql("select 1 as a", "--out", "-", "-o", "csv").stdout == "a\n1\n"
    assert not (tmp_path / "-").exists()


def test_out_takes_one_query_only(sql: Sql) -> None:
    done = sql("select 1; select 2", "--out", "out.csv")

    assert done.exit_code == 2
    assert "here are 2" in done.stderr


def test_a_cluster_that_nothing_is_called(sql: Sql) -> None:
    done = sql("select 1", "-c", "nothing-like-it")

    assert done.exit_code == 4
    assert "Neither a running cluster nor a profile is called nothing-like-it" in done.stderr


def test_a_client_that_is_ended_cancels_its_query(sql: Sql) -> None:
    del sql
    statement = f"{MANY} cross join unnest(sequence(1, 10000))"
    with subprocess.Popen(
        [SELFSERVE, "sql", statement, "-o", "csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"x\n"
        process.terminate()
        process.stdout.close()
        process.wait()

    listed = CliRunner().invoke(app, ["queries", "--mine", "-o", "json"])
    (query,) = json.loads(listed.stdout)
    assert query["state"] == "CANCELLED"


def test_a_query_whose_client_was_killed_is_lost(sql: Sql) -> None:
    statement = f"{MANY} cross join unnest(sequence(1, 10000))"
    with subprocess.Popen(
        [SELFSERVE, "sql", statement, "-o", "csv"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"x\n"
        (running,) = json.loads(sql("queries", "--mine", "-o", "json").stdout)
        process.kill()
        process.stdout.close()
        process.wait()

    (query,) = json.loads(sql("queries", "--mine", "-o", "json").stdout)
    assert (running["state"], query["state"]) == ("RUNNING", "LOST")
    done = sql("result", query["query_id"])
    assert done.exit_code == 2
    assert "The process that asked was killed" in done.stderr


def test_a_reader_that_leaves_early_is_no_error(sql: Sql) -> None:
    del sql
    statement = MANY
    with subprocess.Popen(
        [SELFSERVE, "sql", statement], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()

    assert first.split() == ["x"]
    assert "error" not in said
