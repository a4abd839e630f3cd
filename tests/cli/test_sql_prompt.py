"""The interactive prompt, with keys as a person types them."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from prompt_toolkit.application import AppSession, create_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from selfserve.cli.sql_names import FetchedNames
from selfserve.cli.sql_prompt import Look, is_done, run_prompt
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.tables import TableColumn
from selfserve.errors import AwsError

ENTER, TAB, CTRL_C, CTRL_D, UP = "\r", "\t", "\x03", "\x04", "\x1b[A"
DEADLINE_S = 60


class FakeSession:
    """Remembers what it was asked to run; a statement in `trouble` fails so."""

    engine = Engine.TRINO
    name = "adhoc"
    schema = "lake"

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.looks: list[tuple[ResultFormat | None, bool | None]] = []
        self.trouble: dict[str, Callable[[], None]] = {}
        self.asked: list[str] = []

    def run(self, statement: str, look: Look) -> None:
        self.ran.append(statement)
        self.looks.append((look.result_format, look.vertical))
        self.trouble.get(statement, lambda: None)()

    def schemas(self) -> Sequence[str]:
        self.asked.append("schemas")
        return ["lake"]

    def tables(self, schema: str) -> Sequence[str]:
        self.asked.append(f"tables of {schema}")
        return ["films", "ratings"]

    def columns(self, schema: str, table: str) -> Sequence[TableColumn]:
        self.asked.append(f"columns of {schema}.{table}")
        return [TableColumn("title", "varchar")] if table == "films" else []

    def functions(self) -> Sequence[str]:
        return []


@contextmanager
def keyboard() -> Iterator[tuple[PipeInput, AppSession]]:
    with (
        create_pipe_input() as keys,
        create_app_session(input=keys, output=DummyOutput()) as app_session,
    ):
        yield keys, app_session


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


def type_in(session: FakeSession, keys: str, history: Path) -> None:
    """Type `keys`, then Ctrl-D on an empty line."""
    with keyboard() as (pipe, _):
        pipe.send_text(keys + CTRL_D)
        run_prompt(session, history_path=history)


def type_when(
    session: FakeSession, history: Path, *steps: tuple[Callable[[Buffer], bool], str]
) -> None:
    """Type the keys of each step once its condition holds of what is on the screen."""
    with keyboard() as (pipe, app_session):

        def type_keys() -> None:
            for holds, keys in steps:
                if not _comes_true(lambda: _holds(app_session, holds)):  # noqa: B023
                    pipe.send_text(CTRL_C + CTRL_D)
                    return
                pipe.send_text(keys)

        typist = threading.Thread(target=type_keys)
        typist.start()
        run_prompt(session, history_path=history)
        typist.join()


def _holds(app_session: AppSession, condition: Callable[[Buffer], bool]) -> bool:
    return app_session.app is not None and condition(app_session.app.current_buffer)


def _offers_something(buffer: Buffer) -> bool:
    return buffer.complete_state is not None and bool(buffer.complete_state.completions)


def _comes_true(condition: Callable[[], bool]) -> bool:
    deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "state" / "sql_history"


def test_enter_runs_a_statement_that_ends_with_a_semicolon(
    session: FakeSession, history: Path
) -> None:
    type_in(session, f"select 1;{ENTER}", history)

    assert session.ran == ["select 1"]


def test_enter_begins_a_line_before_the_semicolon(session: FakeSession, history: Path) -> None:
    type_in(session, f"select ';{ENTER}' --;{ENTER}from films;{ENTER}", history)

    assert session.ran == ["select ';\n' --;\nfrom films"]


def test_several_statements_run_one_after_the_other(session: FakeSession, history: Path) -> None:
    type_in(session, f"use raw; select 1;{ENTER}", history)

    assert session.ran == ["use raw", "select 1"]


def test_ctrl_c_clears_the_line(session: FakeSession, history: Path) -> None:
    type_in(session, f"select nonsense{CTRL_C}select 2;{ENTER}", history)

    assert session.ran == ["select 2"]


def test_ctrl_c_stops_the_query_and_not_the_prompt(
    session: FakeSession, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session.trouble["select 1"] = lambda: signal.raise_signal(signal.SIGINT)
    with keyboard() as (pipe, _):
        pipe.send_text(f"select 1;{ENTER}select 2;{ENTER}{CTRL_D}")
        run_prompt(session, history_path=history)

    assert session.ran == ["select 1", "select 2"]
    assert "Cancelled." in capsys.readouterr().err


def test_an_error_ends_its_statements_and_not_the_prompt(
    session: FakeSession, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise SqlError("There is no table film.", hint="See: selfserve status")

    session.trouble["select 1"] = fail
    with keyboard() as (pipe, _):
        pipe.send_text(f"select 1; select 2;{ENTER}select 3;{ENTER}{CTRL_D}")
        run_prompt(session, history_path=history, on="aws")

    assert session.ran == ["select 1", "select 3"]
    assert (
        "error: There is no table film.\n hint: See: selfserve status --on aws\n"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("leave", ["\\q", "exit", "quit;", " \\q "])
def test_there_are_words_for_leaving(session: FakeSession, history: Path, leave: str) -> None:
    type_in(session, f"{leave}{ENTER}select 1;{ENTER}", history)

    assert session.ran == []


def test_the_history_is_kept_for_the_next_time_and_private(
    session: FakeSession, history: Path
) -> None:
    type_in(session, f"select{ENTER} 1;{ENTER}", history)
    type_when(
        session,
        history,
        (lambda buffer: len(buffer._working_lines) > 1, UP),
        (lambda buffer: buffer.text == "select\n 1;", ENTER + CTRL_D),
    )

    assert session.ran == ["select\n 1", "select\n 1"]
    assert history.stat().st_mode & 0o777 == 0o600
    assert history.parent.stat().st_mode & 0o777 == 0o700


def test_without_a_place_for_the_history_the_prompt_works(
    session: FakeSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with keyboard() as (pipe, _):
        pipe.send_text(f"select 1;{ENTER}{CTRL_D}")
        run_prompt(session, history_path=tmp_path / "file" / "sql_history")

    assert session.ran == ["select 1"]
    assert "history is not kept" in capsys.readouterr().err


def test_tab_completes_the_name_of_a_table(session: FakeSession, history: Path) -> None:
    type_when(
        session,
        history,
        (lambda buffer: not buffer.text, "select * from fil"),
        (_offers_something, TAB),
        (lambda buffer: buffer.text == "select * from films", f";{ENTER}{CTRL_D}"),
    )

    assert session.ran == ["select * from films"]


def test_commands_describe_tables(
    session: FakeSession, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = f"\\d{ENTER}\\d films{ENTER}\\d raw.films;{ENTER}\\d nothing{ENTER}{CTRL_D}"
    with keyboard() as (pipe, _):
        pipe.send_text(keys)
        run_prompt(session, history_path=history)

    captured = capsys.readouterr()
    assert captured.out == "TABLE\nfilms\nratings\n" + "COLUMN  TYPE\ntitle   varchar\n" * 2
    assert "There is no table nothing." in captured.err
    assert "columns of raw.films" in session.asked


def test_commands_change_how_answers_look(session: FakeSession, history: Path) -> None:
    run = f"select 1;{ENTER}"
    type_in(
        session,
        f"{run}\\x{ENTER}{run}\\x{ENTER}{run}\\x{ENTER}\\o json{ENTER}{run}\\o table{ENTER}{run}",
        history,
    )

    assert session.looks == [
        (None, None),
        (None, True),
        (None, False),
        (ResultFormat.JSON, None),
        (None, None),
    ]


@pytest.mark.parametrize("command", ["\\o parquet", "\\o", "\\z"])
def test_a_wrong_command_is_told(
    session: FakeSession, history: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    type_in(session, f"{command}{ENTER}", history)

    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", True), ("\\d fi", True), ("quit", True), ("select 1", False), ("select 1;", True)],
)
def test_what_enter_runs(text: str, *, expected: bool) -> None:
    assert is_done(text, Engine.TRINO) is expected


def test_names_are_fetched_once_until_a_statement_may_have_changed_them(
    session: FakeSession,
) -> None:
    names = FetchedNames(session, wait_s=DEADLINE_S)

    for _ in range(2):
        assert names.tables(None) == ["films", "ratings"]
        assert names.columns("raw", "films") == ["title"]
    names.forget()
    names.tables("lake")

    assert session.asked == ["tables of lake", "columns of raw.films", "tables of lake"]


def test_names_that_cannot_be_fetched_are_not_offered(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Sequence[str]:
        raise AwsError("No way.", hint="None.")

    monkeypatch.setattr(session, "schemas", fail)

    assert FetchedNames(session, wait_s=DEADLINE_S).schemas() == ()


def test_names_that_take_long_are_offered_once_they_are_there(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = threading.Event()

    def slow() -> Sequence[str]:
        there.wait(DEADLINE_S)
        return ["late"]

    monkeypatch.setattr(session, "schemas", slow)
    names = FetchedNames(session, wait_s=0)

    assert names.schemas() == ()
    there.set()

    assert _comes_true(lambda: names.schemas() == ["late"])
