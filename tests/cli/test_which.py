"""`selfserve which`: two lines, or JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from selfserve.cli import app
from selfserve.core.sql.advice.size import QuerySize
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.saved import SavedQuery
from selfserve.errors import BadInputError, NotFoundError
from selfserve.local.endpoint import LocalEndpoint
from selfserve.usecases.sql import which as use_case

Run = Callable[..., Result]

EXPLODE = """\
Spark SQL: only Hive and Spark SQL have explode.
Hive would do as well.
"""


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch, folder: Path, endpoint: LocalEndpoint) -> None:
    monkeypatch.setitem(app.COMMANDS, "which", "selfserve.cli.which:which")
    monkeypatch.setenv("SELFSERVE_CACHE", str(folder / "cache"))
    monkeypatch.setenv("SELFSERVE_LOCAL_HOME", str(endpoint.home))  # whose tables it looks at


def test_a_file_gets_two_lines(run: Run, folder: Path) -> None:
    (folder / "report.sql").write_text("-- all of it\nselect explode(a) from t")

    done = run("which", "report.sql")

    assert (done.exit_code, done.stdout) == (0, EXPLODE)


def test_standard_input_is_read(run: Run) -> None:
    assert run("which", "-", stdin="select explode(a) from t").stdout == EXPLODE


def test_there_may_be_no_engine(run: Run) -> None:
    text = "select map_agg(a, b) from t distribute by c"

    assert run("which", "-", stdin=text).stdout.startswith("No engine: map_agg is only in Trino")
    assert json.loads(run("which", "-", "-o", "json", stdin=text).stdout)["engine"] is None


def test_a_saved_query_is_read_in_the_language_of_its_header(run: Run, folder: Path) -> None:
    (folder / "queries").mkdir()
    (folder / "queries/top.sql").write_text('-- engine: hive\nselect explode("it\'s") from t')

    done = run("which", "@top", "-o", "json")

    assert json.loads(done.stdout) == {
        "query": "top",
        "written_in": "hive",
        "engine": "hive",
        "on_this_machine": False,
        "why": "only Hive and Spark SQL have explode.",
        "also": "Spark SQL would do as well.",
    }


@pytest.mark.parametrize(
    ("header", "options"),
    [
        pytest.param("-- cluster: hive-batch\n", (), id="by-the-header"),
        pytest.param("-- engine: trino\n", ("-c", "hive-batch"), id="by-an-option"),
    ],
)
def test_the_language_is_that_of_the_profile(
    run: Run, folder: Path, header: str, options: tuple[str, ...]
) -> None:
    (folder / "report.sql").write_text(f"{header}values collect_set(1)")

    assert run("which", "report.sql", *options).stdout.startswith("Hive: only Hive and Spark SQL")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        pytest.param("select 'a", (), "Line 1, column 8: this string is not closed.", id="quote"),
        pytest.param("-- nothing", (), "There is no statement in report.sql.", id="empty"),
        pytest.param("select 1", ("-c", "no"), "no is not a profile with an engine", id="profile"),
        pytest.param("-- engine: no\n", (), "line 1: no is not an engine", id="header"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    run: Run, folder: Path, text: str, options: tuple[str, ...], message: str
) -> None:
    (folder / "report.sql").write_text(text)

    done = run("which", "report.sql", *options)

    assert done.exit_code == BadInputError.exit_code
    assert message in done.stderr


def test_a_file_that_is_not_there_is_refused(run: Run) -> None:
    assert run("which", "no.sql").exit_code == BadInputError.exit_code
    assert run("which", "@no").exit_code == NotFoundError.exit_code


def test_sizes_decide_where_they_are_known(folder: Path) -> None:
    (folder / "report.sql").write_text("-- engine: presto\nselect 1 from t")
    asked: list[tuple[str, Engine]] = []

    def sizes(query: SavedQuery, engine: Engine) -> QuerySize:
        asked.append((query.name, engine))
        return QuerySize(bytes_read=1_000, tables=1)

    answered = use_case.which("report.sql", read_input=str, sizes=sizes)

    assert answered.advice.on_laptop
    assert asked == [("report.sql", Engine.PRESTO)]
