"""What a cluster's own probe tells: the object that `bootstrap/busy-probe.py` writes to S3.

Pure. A beat that is old or damaged tells nothing, and what nothing is
known of is not idle. The node's clock is not trusted: the age of a beat is that of the
S3 object, and the times in it are moved by the difference of the two clocks.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from selfserve.core.idle import Engine, Session
from selfserve.core.releases import release_number

FRESH = timedelta(minutes=15)
"""Three beats may be lost before nothing is known."""

_ENGINES = {
    "yarn": Engine.YARN,
    "queries": Engine.QUERIES,
    "livy": Engine.LIVY,
    "notebook": Engine.NOTEBOOK,
}
_WORDS = {engine: word for word, engine in _ENGINES.items()}

_QUERY_ENGINES = frozenset({"trino", "presto", "prestosql"})
_UNSEEN_NOTEBOOKS = frozenset({"jupyterhub", "zeppelin"})
"""Their kernels cannot be asked for without a password."""
_NOTEBOOKS = _UNSEEN_NOTEBOOKS | {"jupyterenterprisegateway"}
_TRINO_WITHOUT_YARN = (7, 14, 0)
"""From this release Trino alone starts neither YARN nor HDFS."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What `core.idle.Activity` needs to know of the engines, as seen from the primary node."""

    at_work: Mapping[Engine, int | None]
    """None for an engine that is there and does not answer."""
    sessions: tuple[Session, ...] = ()
    """Those that are open and idle; the others are among those at work."""
    last_at_work: datetime | None = None


def parse_beat(body: bytes, modified: datetime, now: datetime) -> Beat | None:
    """The beat, or None if it says nothing that holds at `now`.

    `modified` and `now` are by AWS's clock.
    """
    if now - modified > FRESH:
        return None
    try:
        return _to_beat(json.loads(body), modified)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def format_beat(beat: Beat, now: datetime) -> bytes:
    """What `parse_beat` reads; `now` is by the writer's own clock, as all times in the beat."""
    fields = {
        "time": now.isoformat(),
        "at_work": {_WORDS[engine]: number for engine, number in beat.at_work.items()},
        "sessions": [
            {"engine": _WORDS[session.engine], "idle_since": _to_text(session.idle_since)}
            for session in beat.sessions
        ],
        "last_at_work": _to_text(beat.last_at_work),
    }
    return json.dumps(fields).encode()


def engines_of(applications: Collection[str], release: str) -> frozenset[Engine]:
    """The engines of which it must be known whether they work, before the cluster may end."""
    names = {name.casefold() for name in applications}
    engines = set()
    if names & _QUERY_ENGINES:
        engines.add(Engine.QUERIES)
    if "livy" in names:
        engines.add(Engine.LIVY)
    if names & _NOTEBOOKS:
        engines.add(Engine.NOTEBOOK)
    number = release_number(release)
    without_yarn = number is not None and number >= _TRINO_WITHOUT_YARN and names == {"trino"}
    if not without_yarn:
        engines.add(Engine.YARN)
    return frozenset(engines)


def known_at_work(
    beat: Beat | None, applications: Collection[str], release: str
) -> dict[Engine, int | None]:
    """What is at work on a cluster with these applications; None for what is not known.

    An engine that must be known is never hidden by a beat that leaves it out.
    """
    seen = beat.at_work if beat is not None else {}
    must = engines_of(applications, release)
    found = {engine: seen.get(engine) for engine in Engine if engine in must or engine in seen}
    unseen = {name.casefold() for name in applications} & _UNSEEN_NOTEBOOKS
    if unseen and not found.get(Engine.NOTEBOOK):
        found[Engine.NOTEBOOK] = None
    return found


def _to_beat(fields: Mapping[str, Any], modified: datetime) -> Beat:
    """Any: JSON of whatever shape; what does not fit raises."""
    shift = modified - _to_time(fields["time"])

    def to_ours(text: str | None) -> datetime | None:
        return None if text is None else min(_to_time(text) + shift, modified)

    return Beat(
        at_work={_ENGINES[word]: _count(number) for word, number in fields["at_work"].items()},
        sessions=tuple(
            Session(_ENGINES[session["engine"]], to_ours(session["idle_since"]))
            for session in fields["sessions"]
        ),
        last_at_work=to_ours(fields["last_at_work"]),
    )


def _to_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return time


def _to_text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _count(number: object) -> int | None:
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"{number!r} is not a number of things at work")
    return number
