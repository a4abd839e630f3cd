"""From what is typed, a file or a saved query to the statements to run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.records import QueryRecord
from selfserve.core.sql.text.script import Statement, split_script
from selfserve.core.sql.text.tokens import TokenKind, scan
from selfserve.errors import BadInputError

if TYPE_CHECKING:  # most statements have no parameters, and their types are slow to load
    from selfserve.core.sql.text.parameters import Declaration, Parameter
    from selfserve.core.sql.text.saved import SavedQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Statements, and what is declared of their parameters."""

    text: str
    declared: "Mapping[str, Declaration]" = field(default_factory=dict)
    cluster: str | None = None
    """Where it asks to run, if nobody says otherwise."""
    engine: Engine | None = None
    """Whose SQL it says that it is; None: that of the cluster."""
    saved: str | None = None
    repeats: str | None = None
    schema: str | None = None
    given: tuple[str, ...] = ()
    """Parameters as they would be typed, of a query that is repeated."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The statements of a script, each with the values that it needs."""

    statements: tuple[Statement, ...]
    parameters: "Mapping[str, Parameter]"

    def parameters_of(self, statement: Statement, engine: Engine) -> "dict[str, Parameter]":
        """Those that this statement has places for."""
        if not self.parameters:
            return {}
        from selfserve.core.sql.text.parameters import find_placeholders

        used = find_placeholders(statement.text, engine)
        return {name: self.parameters[name] for name in used}


def read_script(path: Path) -> Script:
    """A file of statements; with a header it is a saved query that lies elsewhere.

    Raises:
        BadInputError: it cannot be read.
    """
    from selfserve.core.sql.text.saved import parse_saved

    try:
        text = path.read_text(encoding="utf-8-sig")  # editors of Windows put a mark in front
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadInputError(
            f"Cannot read {path}: {why}.", hint="Name a file of SQL: selfserve sql -f report.sql"
        ) from error
    saved = parse_saved(path.name, text)
    return _script_of(saved)


def saved_script(name: str) -> Script:
    """The saved query `name`. Raises NotFoundError."""
    from selfserve.usecases.sql.saved_queries import find_saved

    saved = find_saved(name)
    return replace(_script_of(saved), saved=saved.name)


def _script_of(saved: "SavedQuery") -> Script:
    return Script(
        text=saved.text,
        declared=saved.parameters,
        cluster=saved.cluster,
        engine=saved.engine,
    )


def repeated_script(record: QueryRecord) -> Script:
    """What a recorded query was, with the same values."""
    given = tuple(f"{name}:{kind}={value}" for name, (kind, value) in record.parameters.items())
    return Script(
        text=record.text,
        cluster=record.cluster or record.profile,
        repeats=record.query_id,
        schema=record.schema,
        given=given,
    )


def make_ready(script: Script, given: Sequence[str], engine: Engine) -> Ready:
    """Cut the script, and give its places their values.

    Raises:
        BadInputError: there is no statement, it is for another engine, or a value is missing
            or wrong.
    """
    check_engine(script.engine, engine)
    statements = split_script(script.text, engine)
    if not statements:
        raise BadInputError(
            "There is no statement to run.", hint='Write one: selfserve sql "select 1"'
        )
    if not given and not _has_places(script.text, engine):
        return Ready(statements, {})
    from selfserve.core.sql.text.parameters import find_placeholders, parse_parameters

    used = find_placeholders(script.text, engine)
    names = {option.partition("=")[0].partition(":")[0].strip() for option in given}
    earlier = [one for one in script.given if one.partition(":")[0] not in names]
    return Ready(statements, parse_parameters([*earlier, *given], script.declared, used=used))


_PROFILES = {Engine.TRINO: "adhoc-presto", Engine.HIVE: "hive-batch", Engine.SPARK: "spark-ml"}


def check_engine(wanted: Engine | None, there: Engine) -> None:
    """Raises BadInputError if a query says that it is for another engine than is there."""
    if wanted is None or wanted is there:
        return
    profile = _PROFILES.get(wanted, "PROFILE")
    raise BadInputError(
        f"The query says that it is for {wanted.called}, and here answers {there.called}.",
        hint=f"Name a cluster or a profile with {wanted.called}: selfserve sql -c {profile} …; "
        "or change the line `-- engine:` of the query.",
    )


def _has_places(text: str, engine: Engine) -> bool:
    return any(token.kind is TokenKind.PLACEHOLDER for token in scan(text, engine))
