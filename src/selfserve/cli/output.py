"""The only module that prints. stdout carries data, stderr carries talk.

Streams are looked up when something is written, never kept, so that whoever
replaces sys.stdout (a test, a notebook) sees everything.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from selfserve.cli.hints import with_target

Json = Mapping[str, object] | Sequence[object] | str | int | bool | None

_RED = "\x1b[31m"
_RESET = "\x1b[0m"
_CLEAR_LINE = "\r\x1b[2K"


class Output:
    """Prints the result of one command, as text or as JSON."""

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, on: str | None = None
    ) -> None:
        self.as_json = as_json
        self._on = on
        self._quiet = quiet

    def line(self, text: str) -> None:
        """One line of data."""
        _write(sys.stdout, text + "\n")

    def text(self, text: str) -> None:
        """Data exactly as it is, such as a job's own output."""
        _write(sys.stdout, text)

    def json(self, document: Json) -> None:
        """Data for machines."""
        _write(sys.stdout, json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    def json_line(self, document: Json) -> None:
        """One of several documents for machines, each on a line of its own."""
        _write(sys.stdout, json.dumps(document, ensure_ascii=False) + "\n")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows of data: a styled table on a terminal, plain aligned text elsewhere."""
        from selfserve.cli.tables import plain_table, rich_table

        if is_fancy(sys.stdout):
            _write(sys.stdout, rich_table(columns, rows))
        else:
            _write(sys.stdout, plain_table(columns, rows))

    def say(self, text: str) -> None:
        """Talk: what was done and what to do next, on the same target. Not with --quiet."""
        if not self._quiet:
            _write(sys.stderr, with_target(text, self._on) + "\n")


def pass_through(chunk: bytes, *, to_stderr: bool = False) -> None:
    """A job's own output, byte for byte."""
    stream = sys.stderr if to_stderr else sys.stdout
    binary = getattr(stream, "buffer", None)
    if binary is None:  # a notebook's streams take text only
        _write(stream, chunk.decode(errors="replace"))
        return
    stream.flush()
    binary.write(chunk)
    binary.flush()


def show_error(message: str, hint: str | None) -> None:
    """What happened, and what to do next."""
    label = f"{_RED}error:{_RESET}" if is_fancy(sys.stderr) else "error:"
    _write(sys.stderr, f"{label} {message}\n")
    if hint:
        _write(sys.stderr, f" hint: {hint}\n")


def show_traceback(error: BaseException) -> None:
    """The whole story, for --debug."""
    import traceback

    _write(sys.stderr, "".join(traceback.format_exception(error)))


def say_line(text: str) -> None:
    """One line of talk."""
    _write(sys.stderr, text + "\n")


def draw_live_line(text: str) -> None:
    """Replace the terminal's current line; it is meant to be replaced again."""
    width = terminal_width()
    _write(sys.stderr, _CLEAR_LINE + text[: width - 1])


def clear_live_line() -> None:
    """Remove what `draw_live_line` left."""
    _write(sys.stderr, _CLEAR_LINE)


def ask(question: str) -> bool:
    """Ask a yes-or-no question on stderr; anything but yes is no."""
    _write(sys.stderr, f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def can_ask() -> bool:
    """Whether somebody sits there who could answer."""
    return sys.stdin.isatty()


def talks_to_terminal() -> bool:
    """Whether stderr is a terminal that understands control characters."""
    return is_fancy(sys.stderr)


def shows_data_on_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout.isatty()


def may_style_data() -> bool:
    """Whether stdout is a terminal that understands control characters."""
    return is_fancy(sys.stdout)


def is_fancy(stream: TextIO) -> bool:
    """Whether `stream` is a terminal whose user has not refused colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """How many characters a line of the terminal has."""
    import shutil

    return shutil.get_terminal_size().columns


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
