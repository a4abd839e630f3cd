"""What happens at the edge of the program: bugs, full disks, closed pipes, terminals."""

import errno
import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from typer.testing import Result

from selfserve.cli import output
from selfserve.cli.progress import ProgressLine
from selfserve.cli.tables import rich_table
from selfserve.usecases.progress import Note, Waiting
from selfserve.usecases.targets.target import Target
from targets import FakeTargets

Run = Callable[..., Result]

_WITH_A_BUG = """
import sys
from selfserve.cli import main, app
app.COMMANDS["status"] = "selfserve.cli.app:no_such_function"
sys.argv = ["selfserve", *sys.argv[1:]]
main()
"""


class _FullDisk(FakeTargets):
    def open(self, on: str | None) -> Target:
        raise OSError(errno.ENOSPC, "No space left on device", f"/data/{on}")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _with_a_bug(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WITH_A_BUG, *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_bug_is_exit_code_1_and_asks_to_be_reported() -> None:
    done = _with_a_bug("status")

    assert done.returncode == 1
    assert done.stderr.startswith("error: This is a bug in selfserve: AttributeError")
    assert "--debug" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bug_with_debug_shows_the_traceback() -> None:
    assert "Traceback" in _with_a_bug("status", "--debug").stderr


@pytest.mark.parametrize("targets", [_FullDisk()])
def test_a_full_disk_is_said_in_two_lines(run: Run, targets: FakeTargets) -> None:
    assert isinstance(targets, _FullDisk)

    result = run("status", "--on", "local")

    assert result.exit_code == 2
    assert result.stderr == (
        "error: No space left on device: /data/local.\n"
        " hint: Free some space and run the command again.\n"
    )


def test_a_reader_that_leaves_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "from selfserve.cli import main; main()", "profiles", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # long before the command has anything to write
        said = process.stderr.read()
        process.wait(timeout=60)

    assert said == ""
    assert process.returncode == 141


def test_a_terminal_gets_one_live_line_that_notes_clear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    times = iter([0.0, 3.0, 4.0])
    line = ProgressLine(monotonic=lambda: next(times))
    waiting = Waiting("cluster one: STARTING", since=datetime.now(UTC))

    for _ in range(3):
        line(waiting)
    line(Note("Ready."))

    text = terminal.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\r\x1b[2KReady.\n")
    assert text.count("cluster one: STARTING") == 2


def test_no_color_means_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    assert not output.is_fancy(_Terminal())


def test_a_table_on_a_terminal_keeps_brackets_of_users() -> None:
    text = rich_table(("name", "value"), [("x", "[red]not markup[/red]")])

    assert "[red]not markup[/red]" in text
