"""Errors at the place in the statement that they are about."""

from collections.abc import Sequence

from sqlglot import exp

from selfserve.core.sql.problems import SqlError, UnsupportedHereError, sql_error

DESCRIBE_ALL = 'See what there is with: selfserve sql "show tables"'
TRINO_DOCS = "See Trino's manual: https://trino.io/docs/current/"
ON_AWS = "Run it on AWS, where the engine itself answers: selfserve sql … --on aws"


def wrong(what: str, text: str, node: exp.Expr | None, *, hint: str = TRINO_DOCS) -> SqlError:
    """`what` is wrong at the first thing of `node` whose place is known."""
    start, end = _span(node)
    return wrong_at(what, text, start, end, hint=hint)


def wrong_at(what: str, text: str, start: int, end: int, *, hint: str = TRINO_DOCS) -> SqlError:
    """`what` is wrong at these characters of `text`, the last one included; -1: nobody knows."""
    if start < 0:
        return SqlError(what, hint=hint)
    before = text[:start]
    column = start - (before.rfind("\n") + 1) + 1
    line = before.count("\n") + 1
    return sql_error(what, text, line=line, column=column, length=end - start + 1, hint=hint)


def unsupported(what: str) -> UnsupportedHereError:
    """`what`, as the user wrote it, has no equal in the embedded engine."""
    return UnsupportedHereError(f"The embedded engine does not do {what}.", hint=ON_AWS)


def _span(node: exp.Expr | None) -> tuple[int, int]:
    places: list[tuple[int, int]] = []
    for found in node.walk() if node is not None else ():
        start = found.meta.get("start")
        if start is not None:
            places.append((start, found.meta["end"]))
            if found is node:
                break
    return min(places, default=(-1, -1))


_WORDS = {"sample": "TABLESAMPLE", "locks": "FOR UPDATE", "method": "NATURAL", "using": "USING"}


def part_name(key: str) -> str:
    """A part of sqlglot's tree as people know it."""
    return _WORDS.get(key, key.strip("_").replace("_", " ").upper())


def only(node: exp.Expr, allowed: Sequence[str], called: str) -> None:
    """Refuse what is said with `node` beyond the parts that are translated.

    Raises:
        UnsupportedHereError: Another part is there.
    """
    for key, value in node.args.items():
        if value and key not in allowed:
            raise unsupported(f"{called} with {part_name(key)}")
