"""What people see of an answer: tables, records, one line of talk; and progress meanwhile."""

import io
import sys
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from selfserve.cli.output import Output
from selfserve.cli.sql_progress import QueryProgress, describe_figures, describe_progress
from selfserve.cli.sql_table import show_answer, write_answer
from selfserve.core.sql.answers import Column, Figures, Progress, Row
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.errors import BadInputError

FILMS = (Column("id", "bigint"), Column("title", "varchar"), Column("score", "decimal(3,1)"))
ROWS: list[Row] = [(1, "Heat", None), (20, "日本", "8.5"), (300, "NULL", "10.0")]


class FakeAnswer:
    """Rows from memory, in batches of two."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        self.columns = columns
        self.rows = rows
        self.given = 0
        self.cancelled = False

    def batches(self) -> Iterator[Sequence[Row]]:
        for start in range(0, len(self.rows), 2):
            batch = self.rows[start : start + 2]
            self.given += len(batch)
            yield batch

    def progress(self) -> Progress:
        return Progress("RUNNING")

    def figures(self) -> Figures:
        return Figures(self.given, bytes_read=3_200_000_000)

    def cancel(self) -> None:
        self.cancelled = True


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """From here on, stdout is a terminal of 40 columns, and colours are allowed."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    return terminal


def show(answer: FakeAnswer, *, limit: int = 40, vertical: bool | None = None) -> Figures:
    return show_answer(
        answer, Output(), started=time.monotonic(), limit=limit, vertical=vertical, quiet=True
    )


def test_a_table_elsewhere_than_on_a_terminal_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    show(FakeAnswer(FILMS, ROWS))

    captured = capsys.readouterr()
    assert captured.out == (
        " id  title  score\n"
        "  1  Heat    NULL\n"
        " 20  日本     8.5\n"
        "300  NULL    10.0\n"
    )  # fmt: skip
    assert captured.err.startswith("3 rows, 3.2 GB read, 0.")


def test_on_a_terminal_a_null_differs_from_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    show(FakeAnswer(FILMS, ROWS))

    assert terminal.getvalue() == (
        "\x1b[1m id  title  score\x1b[0m\n"
        "  1  Heat    \x1b[2;3mNULL\x1b[0m\n"
        " 20  日本     8.5\n"
        "300  NULL    10.0\n"
    )


def test_a_terminal_without_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")

    show(FakeAnswer(FILMS, ROWS))

    assert "\x1b" not in terminal.getvalue()


def test_a_terminal_gets_the_first_rows_and_how_many_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = on_terminal(monkeypatch)
    answer = FakeAnswer([Column("a", "bigint")], [(number,) for number in range(101)])

    figures = show(answer, limit=3)

    assert terminal.getvalue().splitlines()[1:] == ["0", "1", "2"]
    assert figures.rows == 101
    assert capsys.readouterr().err.startswith("3 of 101 rows, 3.2 GB read, ")


def test_what_is_too_wide_for_the_terminal_is_shown_as_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")

    show(FakeAnswer(FILMS, [(1, "x" * 40, "1.0"), (2, None, "2.0")]))

    assert terminal.getvalue() == (
        "-[ RECORD 1 ]-\n"
        "id    | 1\n"
        f"title | {'x' * 40}\n"
        "score | 1.0\n"
        "-[ RECORD 2 ]-\n"
        "id    | 2\n"
        "title | NULL\n"
        "score | 2.0\n"
    )


def test_records_can_be_asked_for_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Row] = [(number,) for number in range(1_003)]

    show(FakeAnswer([Column("a", "bigint")], rows), vertical=True)

    assert capsys.readouterr().out.endswith("-[ RECORD 1003 ]-\na | 1002\n")


def test_tables_can_be_asked_for_however_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)

    show(FakeAnswer(FILMS, [(1, "x" * 80, "1.0")]), vertical=False)

    assert "RECORD" not in terminal.getvalue()


def test_a_value_wider_than_the_first_ones_is_shown_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows: list[Row] = [*[("a", 1)] * 1_000, ("x" * 50, 2)]

    show(FakeAnswer([Column("a", "varchar"), Column("b", "bigint")], rows))

    assert capsys.readouterr().out.splitlines()[-1] == "x" * 50 + "  2"


@pytest.mark.parametrize("vertical", [False, True])
def test_neither_values_nor_names_can_steer_a_terminal(
    capsys: pytest.CaptureFixture[str], *, vertical: bool
) -> None:
    show(FakeAnswer([Column("a\x1b[2J", "varchar")], [("b\x1b[2J\n",)]), vertical=vertical)

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "a\\x1b[2J" in out
    assert "b\\x1b[2J\\n" in out


def test_a_statement_without_rows_says_that_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    show(FakeAnswer([], []))

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Done, 3.2 GB read, ")


def test_no_rows_leave_the_head(capsys: pytest.CaptureFixture[str]) -> None:
    show(FakeAnswer(FILMS, []))

    captured = capsys.readouterr()
    assert captured.out == "id  title  score\n"
    assert captured.err.startswith("0 rows, ")


class _Closed(io.StringIO):
    def write(self, text: str, /) -> int:
        raise BrokenPipeError(text)


def test_a_query_whose_reader_has_gone_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = FakeAnswer(FILMS, ROWS)
    monkeypatch.setattr(sys, "stdout", _Closed())

    with pytest.raises(BrokenPipeError):
        show(answer)

    assert answer.cancelled


@pytest.mark.parametrize(
    ("result_format", "expected"),
    [
        (ResultFormat.CSV, "id,title,score\n1,Heat,\n"),
        (ResultFormat.JSON, '[\n{"id":1,"title":"Heat","score":null}\n]\n'),
    ],
)
def test_programs_get_all_rows_on_stdout(
    capfdbinary: pytest.CaptureFixture[bytes], result_format: ResultFormat, expected: str
) -> None:
    answer = FakeAnswer(FILMS, ROWS[:1])

    figures = write_answer(answer, result_format, None, started=time.monotonic(), quiet=True)

    assert capfdbinary.readouterr().out.decode() == expected
    assert figures.rows == 1


def test_parquet_is_not_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    answer = FakeAnswer(FILMS, ROWS)

    with pytest.raises(BadInputError, match="not for a terminal"):
        write_answer(answer, ResultFormat.PARQUET, None, started=time.monotonic(), quiet=True)

    assert answer.cancelled
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("QUEUED"), "QUEUED 4.0 s"),
        (
            Progress("RUNNING", splits_done=12, splits=40, rows=3_100_000, bytes=220_000_000),
            "RUNNING 12 of 40 splits, 3.1 M rows, 220 MB, 4.0 s",
        ),
        (Progress("RUNNING", fraction=0.42), "RUNNING 42%, 4.0 s"),
        (Progress("RUNNING", splits_done=0, splits=0, rows=0), "RUNNING 0 rows, 4.0 s"),
    ],
)
def test_progress_says_what_the_engine_says(progress: Progress, text: str) -> None:
    assert describe_progress(progress, 4.0) == text


@pytest.mark.parametrize(
    ("figures", "shown", "text"),
    [
        (Figures(1_204_331, 3_200_000_000), 40, "40 of 1,204,331 rows, 3.2 GB read, 4.1 s"),
        (Figures(40, 0), 40, "40 rows, 0 B read, 4.1 s"),
        (Figures(1), 1, "1 row, 4.1 s"),
        (Figures(7), None, "7 rows, 4.1 s"),
    ],
)
def test_figures_are_one_line(figures: Figures, shown: int | None, text: str) -> None:
    assert describe_figures(figures, 4.1, shown=shown) == text


class _Drawn(Terminal):
    """A terminal on which it can be waited for something to appear."""

    def __init__(self) -> None:
        super().__init__()
        self.has_progress = threading.Event()

    def write(self, text: str, /) -> int:
        if "RUNNING" in text:
            self.has_progress.set()
        return super().write(text)


def test_progress_is_drawn_while_the_engine_works_and_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = _Drawn()
    monkeypatch.setattr(sys, "stderr", drawn)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    with QueryProgress(lambda: Progress("RUNNING"), started=time.monotonic(), patience_s=0):
        assert drawn.has_progress.wait(30)

    assert drawn.getvalue().endswith("\r\x1b[2K")


def test_a_short_query_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with QueryProgress(lambda: Progress("RUNNING"), started=time.monotonic(), patience_s=600):
        pass

    assert capsys.readouterr().err == ""
