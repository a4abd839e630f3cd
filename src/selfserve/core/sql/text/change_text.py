"""Where things stand in the text of a statement that changes something. Pure."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.tokens import Token, TokenKind, scan

_QUERIES = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})


def find_name(text: str, name: str, engine: Engine = Engine.TRINO) -> Token | None:
    """The first word or quoted name of a statement that means `name`, which is lower case."""
    for token in list(_significant(text, engine))[1:]:  # the first is the statement's verb
        if name_of(token) == name:
            return token
    return None


def name_of(token: Token) -> str | None:
    """What a word or a quoted name means, in lower case; None for other tokens."""
    if token.kind is TokenKind.WORD:
        return token.text.lower()
    if token.kind is TokenKind.NAME:
        quote = token.text[0]
        return token.text[1:-1].replace(quote * 2, quote).lower()
    return None


def query_of_create(text: str, engine: Engine) -> str:
    """The query of a CREATE TABLE … AS, at the same lines and columns; see `_alone`."""
    depth = 0
    for token in _significant(text, engine):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.kind is TokenKind.WORD and token.text.upper() == "AS":
            return _alone(text, token.start + len(token.text))
    raise ValueError("the statement has no AS")


def query_of_insert(text: str, engine: Engine) -> str:
    """The query of an INSERT INTO, at the same lines and columns."""
    tokens = list(_significant(text, engine))
    at = 3  # after INSERT INTO and a name
    while at < len(tokens) and tokens[at].text == ".":
        at += 2
    if at < len(tokens) and tokens[at].text == "(" and not _is_query(tokens[at:]):
        while tokens[at].text != ")":
            at += 1
        at += 1
    if at >= len(tokens):
        raise ValueError("the statement has no query")
    return _alone(text, tokens[at].start)


def empty_items(text: str, engine: Engine) -> Iterator[Token]:
    """Commas that nothing follows, which sqlglot does not mind."""
    tokens = list(_significant(text, engine))
    for token, following in pairwise(tokens):
        if token.text == "," and following.text in {",", ")"}:
            yield token


def _significant(text: str, engine: Engine) -> Iterator[Token]:
    return (token for token in scan(text, engine) if token.is_significant)


def _is_query(tokens: Sequence[Token]) -> bool:
    first = next((token for token in tokens if token.text != "("), None)
    return first is not None and first.text.upper() in _QUERIES


def _alone(text: str, start: int) -> str:
    """What follows `start`; all before it is blank, so that places are those of the text."""
    blank = "".join("\n" if character == "\n" else " " for character in text[:start])
    return blank + text[start:]
