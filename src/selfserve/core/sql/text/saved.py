"""Saved queries: SQL with a header of comments that says what it is, and what it needs.

    -- description: The films that were seen most on one day.
    -- cluster: adhoc-presto
    -- engine: trino
    -- param: day date
    -- param: country varchar = 'DE'
    -- param: ids bigint[]
    select …

Pure. The header is the comment lines before the first line of anything else; what is in it
without being one of these stays an ordinary comment.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.parameter_types import TYPE_NAMES, parse_type, parse_value
from selfserve.core.sql.text.parameters import Declaration, is_name, type_hint
from selfserve.errors import BadInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedQuery:
    """A query that has a name."""

    name: str
    text: str
    """With its header, so that the lines of errors are those of the file."""
    description: str = ""
    cluster: str | None = None
    """Where it runs unless told otherwise: a cluster's name, or a profile."""
    engine: Engine | None = None
    """Whose SQL it is; None: that of the cluster."""
    parameters: Mapping[str, Declaration]


@dataclass(frozen=True, slots=True)
class _Line:
    """One `-- key: value` of a header."""

    query: str
    number: int
    key: str
    value: str

    def error(self, what: str, *, hint: str) -> BadInputError:
        return BadInputError(f"Saved query {self.query}, line {self.number}: {what}", hint=hint)


_KEYS = ("description", "cluster", "engine", "param")
_MISTAKEN = {"parameter": "param", "parameters": "param", "desc": "description"}
_HEADER_LINE = re.compile(r"\s*--\s*(?:(\w+)\s*:(?!:)\s*(.*?))?\s*")
_COMMENT = re.compile(r"\s*(?:--.*)?")
_PARAMETER = re.compile(r"(\w+)\s+([^=]+?)\s*(?:=\s*(.*))?", re.DOTALL)
_ALIKE = 0.82
"""`enigne` is like `engine`; `customer` is a word of its own, and not like enough `cluster`."""


def parse_saved(name: str, text: str) -> SavedQuery:
    """The saved query of this name, from the text of its file.

    Raises:
        BadInputError: the header has a key twice or one that is misspelt, or something that
            cannot be understood; the message names the line.
    """
    once: dict[str, _Line] = {}
    parameters: dict[str, Declaration] = {}
    for line in _header(name, text):
        if line.key == "param":
            _declare(line, parameters)
        elif line.key in once:
            raise line.error(f"{line.key} is here a second time.", hint="Keep one of the lines.")
        else:
            once[line.key] = line
    return SavedQuery(
        name=name,
        text=text,
        description=once["description"].value if "description" in once else "",
        cluster=_cluster(once["cluster"]) if "cluster" in once else None,
        engine=_engine(once["engine"]) if "engine" in once else None,
        parameters=parameters,
    )


def _header(name: str, text: str) -> Iterator[_Line]:
    for number, shown in enumerate(text.split("\n"), start=1):
        if not _COMMENT.fullmatch(shown):
            return
        found = _HEADER_LINE.fullmatch(shown)
        if found is None or found[1] is None:
            continue
        line = _Line(name, number, found[1].lower(), found[2])
        if line.key in _KEYS:
            yield line
        elif (meant := _meant(line.key)) is not None:
            raise line.error(
                f"there is no {found[1]}; did you mean {meant!r}?",
                hint=f"Write `-- {meant}: …`, or leave the colon out if it is a comment.",
            )


def _meant(key: str) -> str | None:
    if key in _MISTAKEN:
        return _MISTAKEN[key]
    near = (known for known in _KEYS if abs(len(known) - len(key)) <= 1)
    return next((known for known in near if _likeness(key, known) >= _ALIKE), None)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _declare(line: _Line, parameters: dict[str, Declaration]) -> None:
    found = _PARAMETER.fullmatch(line.value)
    if found is None or not is_name(found[1]):
        raise line.error(
            f"{line.value!r} is not a name and a type.",
            hint="Write, for example: -- param: day date, or -- param: country varchar = 'DE'",
        )
    name, type_text, default_text = found.groups()
    if name in parameters:
        raise line.error(f"{name} is declared a second time.", hint="Keep one of the lines.")
    parameters[name] = _declaration(line, type_text, default_text)


def _declaration(line: _Line, type_text: str, default_text: str | None) -> Declaration:
    try:
        wanted = parse_type(type_text)
    except ValueError as error:
        raise line.error(
            f"{error}{did_you_mean(type_text, TYPE_NAMES)}", hint=type_hint()
        ) from error
    if default_text is None:
        return Declaration(wanted)
    try:
        return Declaration(wanted, parse_value(default_text, wanted))
    except ValueError as error:
        raise line.error(
            f"{default_text} is no default for {wanted}: {error}.",
            hint=f"Write it like this: = {wanted.example}",
        ) from error


def _cluster(line: _Line) -> str:
    if not line.value or " " in line.value:
        raise line.error(
            f"{line.value!r} is not the name of a cluster or a profile.",
            hint="See the profiles with: selfserve profiles list",
        )
    return line.value


def _engine(line: _Line) -> Engine:
    try:
        return Engine(line.value.lower())
    except ValueError as error:
        names = [str(engine) for engine in Engine]
        raise line.error(
            f"{line.value} is not an engine{did_you_mean(line.value, names)}",
            hint=f"Engines are {', '.join(names[:-1])} and {names[-1]}.",
        ) from error
