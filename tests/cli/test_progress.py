"""How waiting looks: silent for two seconds, then a line now and then, no control characters."""

from datetime import UTC, datetime, timedelta

import pytest

from selfserve.cli.progress import ProgressLine
from selfserve.cli.tables import plain_table
from selfserve.core.durations import to_words
from selfserve.usecases.progress import Note, Waiting


class _Stopwatch:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def _waiting(what: str = "cluster one: STARTING") -> Waiting:
    return Waiting(what, since=datetime.now(UTC), usually="6 to 10 minutes")


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_a_short_wait_is_silent_and_a_longer_one_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watch = _Stopwatch()
    line = ProgressLine(monotonic=watch)

    line(_waiting())
    watch.time = 1.9
    line(_waiting())
    assert _lines(capsys) == []
    watch.time = 2.0
    line(_waiting())

    (said,) = _lines(capsys)
    assert "cluster one: STARTING" in said
    assert "usually 6 to 10 minutes" in said
    assert "\x1b" not in said


def test_plain_lines_come_now_and_then_and_when_something_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watch = _Stopwatch()
    line = ProgressLine(monotonic=watch)
    line(_waiting())

    for second in range(2, 40):
        watch.time = float(second)
        line(_waiting("cluster one: STARTING" if second < 30 else "cluster one: BOOTSTRAPPING"))

    states = [said.partition(" (")[0].rpartition(" ")[2] for said in _lines(capsys)]
    assert states == ["STARTING", "STARTING", "BOOTSTRAPPING"]


def test_of_a_wait_whose_end_is_known_the_time_left_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watch = _Stopwatch()
    line = ProgressLine(monotonic=watch)
    now = datetime.now(UTC)
    waiting = Waiting("the next sweep at 13:15", since=now, until=now + timedelta(hours=2.99))

    line(waiting)
    watch.time = 3.0
    line(waiting)

    (said,) = _lines(capsys)
    assert said.startswith("waiting for the next sweep at 13:15 (2h 59m")
    assert said.endswith(" left)")


def test_notes_come_at_once_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    ProgressLine()(Note("Asked for it."))
    ProgressLine(quiet=True)(Note("Not this."))

    assert _lines(capsys) == ["Asked for it."]


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=59.9), "59s"),
        (timedelta(seconds=200), "3m 20s"),
        (timedelta(minutes=65), "1h 5m"),
        (timedelta(hours=51), "2d 3h"),
        (timedelta(hours=2), "2h"),
        (timedelta(seconds=-1), "0s"),
    ],
)
def test_durations_read_well(duration: timedelta, words: str) -> None:
    assert to_words(duration) == words


def test_a_plain_table_is_aligned_without_trailing_blanks() -> None:
    text = plain_table(("name", "state"), [("a", "WAITING"), ("longer", "UP")])

    assert text == "NAME    STATE\na       WAITING\nlonger  UP\n"
