"""Find out which engine fits a query; runs nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from selfserve.core.sql.advice.advice import Advice, advise
from selfserve.core.sql.advice.size import QuerySize
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.saved import SavedQuery, parse_saved
from selfserve.core.sql.text.script import split_script
from selfserve.errors import BadInputError
from selfserve.usecases.sql.orders import read_script
from selfserve.usecases.sql.profile_engine import find_engine
from selfserve.usecases.sql.saved_queries import find_saved

Sizes = Callable[[SavedQuery, Engine], QuerySize]
"""How much work a query is, as the catalogue and the files tell; it is written for the engine."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was asked about, and the advice."""

    query: SavedQuery
    written_in: Engine
    advice: Advice


def which(
    source: str,
    *,
    read_input: Callable[[], str],
    cluster: str | None = None,
    sizes: Sizes | None = None,
) -> Answered:
    """The engine that fits the query.

    Args:
        source: a file, `@name` of a saved query, or `-` for what `read_input` gives.
        read_input: standard input.
        cluster: a profile whose SQL the query is written in, whatever its header says.
        sizes: without it, only the text decides.

    Raises:
        NotFoundError: there is no such saved query or profile.
        BadInputError: the query cannot be read, or there is no statement in it.
    """
    query = _read(source, read_input)
    written_in = _written_in(query, cluster)
    if not split_script(query.text, written_in):
        raise BadInputError(
            f"There is no statement in {query.name}.",
            hint="Write one, for example: echo 'select 1' | selfserve which -",
        )
    size = sizes(query, written_in) if sizes is not None else None
    return Answered(query, written_in, advise(query.text, written_in, size))


def _read(source: str, read_input: Callable[[], str]) -> SavedQuery:
    if source == "-":
        return parse_saved("standard input", read_input())
    if source.startswith("@"):
        return find_saved(source)
    path = Path(source)
    return parse_saved(path.name, read_script(path).text)


def _written_in(query: SavedQuery, cluster: str | None) -> Engine:
    if cluster is None and query.engine is not None:
        return query.engine
    wanted = cluster or query.cluster
    if wanted is None:
        return Engine.TRINO
    found = find_engine(wanted)
    if found is not None and found.engine is not None:
        return found.engine
    raise BadInputError(
        f"{wanted} is not a profile with an engine for SQL.",
        hint="Name one of: selfserve profiles list",
    )
