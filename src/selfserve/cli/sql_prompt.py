"""The interactive SQL prompt: history, several lines, colours, completion.

Ctrl-C stops the query that runs, or clears the line; Ctrl-D leaves. An error ends its
statement and not the prompt.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from selfserve.cli.hints import with_target
from selfserve.cli.output import Output, say_line, show_error
from selfserve.cli.sql_names import Catalogue, FetchedNames
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.text.completion import is_complete
from selfserve.core.sql.text.script import StatementKind, split_script
from selfserve.errors import BadInputError, SelfserveError

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History

_HELP = r"""
End a statement with ; and press Enter. Tab completes, Ctrl-R searches the history.
Ctrl-C stops a query or clears the line, Ctrl-D leaves.
  \d          the tables of the schema in use
  \d TABLE    the columns of a table
  \x          rows as records: as needed, always, never
  \o FORMAT   table, csv or json
  \q          leave
""".strip("\n")
_CANNOT_CHANGE_NAMES = {
    StatementKind.QUERY,
    StatementKind.SHOW,
    StatementKind.DESCRIBE,
    StatementKind.EXPLAIN,
}
_NEXT_VERTICAL: dict[bool | None, bool | None] = {None: True, True: False, False: None}
_CALLED = {None: "as needed", True: "always", False: "never"}


@dataclass(slots=True)
class Look:
    """How answers are to be shown; the prompt's commands change it."""

    result_format: ResultFormat | None = None
    """None: a table."""
    vertical: bool | None = None
    """As `sql_table.show_answer` takes it."""


class SqlSession(Catalogue, Protocol):
    """What the prompt works on. Methods raise only `SelfserveError`s."""

    @property
    def engine(self) -> Engine:
        """Whose SQL is typed."""

    @property
    def name(self) -> str:
        """What stands before the sign of the prompt, such as "adhoc-presto"."""

    def run(self, statement: str, look: Look) -> None:
        """Run a statement and show its answer; a KeyboardInterrupt cancels it on the engine."""


def run_prompt(
    session: SqlSession,
    *,
    on: str | None = None,
    history_path: Path | None = None,
    look: Look | None = None,
) -> None:
    """Ask for statements and run them until the user leaves.

    Args:
        session: Runs them, and knows names.
        on: The target that the user gave, for the commands in hints.
        history_path: None: in the user's state folder.
        look: How answers are to be shown at first; None: as tables.
    """
    names = FetchedNames(session)
    prompt = _prompt(session, names, _history(history_path or default_history_path()))
    runner = _Runner(session, names, on, look or Look())
    say_line(r"End statements with ; — \? for help, \q to leave.")
    while True:
        try:
            text = prompt.prompt()
        except KeyboardInterrupt:  # the line is cleared
            continue
        except EOFError:
            return
        if _wants_to_leave(text):
            return
        runner.run(text)


def default_history_path() -> Path:
    """Where the history is kept."""
    import platformdirs

    return platformdirs.user_state_path("selfserve") / "sql_history"


class _Runner:
    """Runs what was typed: statements, and commands that start with a backslash."""

    def __init__(
        self, session: SqlSession, names: FetchedNames, on: str | None, look: Look
    ) -> None:
        self._session = session
        self._names = names
        self._on = on
        self._look = look

    def run(self, text: str) -> None:
        """Errors and interruptions are told and end here."""
        try:
            if text.lstrip().startswith("\\"):
                self._command(*text.split(maxsplit=1))
            else:
                self._statements(text)
        except KeyboardInterrupt:
            say_line("Cancelled.")
        except SelfserveError as error:
            show_error(str(error), with_target(error.hint, self._on))

    def _statements(self, text: str) -> None:
        for statement in split_script(text, self._session.engine):
            try:
                self._session.run(statement.text, self._look)
            finally:
                if statement.kind not in _CANNOT_CHANGE_NAMES:
                    self._names.forget()

    def _command(self, command: str, argument: str = "") -> None:
        argument = argument.strip().rstrip(";").strip()
        match command:
            case "\\?":
                say_line(_HELP)
            case "\\d":
                self._describe(argument)
            case "\\x":
                self._look.vertical = _NEXT_VERTICAL[self._look.vertical]
                say_line(f"Rows as records: {_CALLED[self._look.vertical]}.")
            case "\\o":
                self._set_format(argument)
            case _:
                raise BadInputError(f"There is no command {command}.", hint=r"See them with: \?")

    def _describe(self, table: str) -> None:
        if not table:
            tables = self._session.tables(self._session.schema)
            Output().table(("table",), [(name,) for name in tables])
            return
        schema, _, name = table.rpartition(".")
        columns = self._session.columns(schema or self._session.schema, name)
        if not columns:
            raise BadInputError(f"There is no table {table}.", hint=r"See the tables with: \d")
        Output().table(("column", "type"), [(column.name, column.type) for column in columns])

    def _set_format(self, name: str) -> None:
        formats = {"table": None, "csv": ResultFormat.CSV, "json": ResultFormat.JSON}
        if name not in formats:
            raise BadInputError(
                f"Answers cannot be shown as {name or 'nothing'}.",
                hint=r"Type one of: \o table|csv|json",
            )
        self._look.result_format = formats[name]


def _wants_to_leave(text: str) -> bool:
    return text.strip().rstrip(";").strip().lower() in {"\\q", "exit", "quit"}


def is_done(text: str, engine: Engine) -> bool:
    """Whether Enter runs what was typed, rather than beginning another line."""
    stripped = text.strip()
    if not stripped or stripped.startswith("\\") or _wants_to_leave(stripped):
        return True
    return is_complete(text, engine)


def _prompt(session: SqlSession, names: FetchedNames, history: "History") -> "PromptSession[str]":
    from prompt_toolkit import PromptSession
    from prompt_toolkit.lexers import PygmentsLexer
    from pygments.lexers.sql import SqlLexer  # type: ignore[import-untyped]  # it has no stubs

    from selfserve.cli.sql_keys import NameCompleter, enter_runs

    return PromptSession(
        f"{session.name}> ",
        multiline=True,
        prompt_continuation=lambda width, _line, _wrapped: "> ".rjust(width),
        lexer=PygmentsLexer(SqlLexer),
        completer=NameCompleter(names, session.engine),
        complete_in_thread=True,
        history=history,
        key_bindings=enter_runs(lambda text: is_done(text, session.engine)),
    )


def _history(path: Path) -> "History":
    """In a file that nobody else may read: statements can hold names, numbers and secrets."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.chmod(0o600)
    except OSError as error:
        say_line(f"The history is not kept: {error.strerror} ({path}).")
        return InMemoryHistory()
    return FileHistory(path)
