"""SQL cut into words, strings, names, comments and signs: as much as splitting and binding need.

Pure, and light on purpose: sqlglot takes longer to import than `select 1` takes to answer.
Nothing is lost: the tokens of a text, joined, are the text.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError, sql_error


class TokenKind(StrEnum):
    """What a piece of SQL is."""

    SPACE = "space"
    COMMENT = "comment"
    STRING = "string"
    NAME = "name"
    """A quoted one; the others are words."""
    WORD = "word"
    NUMBER = "number"
    PLACEHOLDER = "placeholder"
    """Of a parameter, such as `:day`."""
    QUESTION = "question"
    SEMICOLON = "semicolon"
    SIGN = "sign"
    """One character of anything else."""


_UNNOTICED = frozenset({TokenKind.SPACE, TokenKind.COMMENT})


class Token(NamedTuple):
    """A piece of SQL, and where it starts, counted from 0."""

    kind: TokenKind
    text: str
    start: int

    @property
    def is_significant(self) -> bool:
        """Whether an engine would notice that it is missing."""
        return self.kind not in _UNNOTICED


# Quantifiers with a second + never give back what they took: an unclosed string is then
# found at its first quote, and no text takes more than linear time.
_QUOTES_DOUBLED = r"""
  (?P<string> '[^']*+(?:''[^']*+)*+' )
| (?P<name>   "[^"]*+(?:""[^"]*+)*+" | `[^`]*+(?:``[^`]*+)*+` )
"""
_QUOTES_ESCAPED = r"""
  (?P<string> '(?:[^'\\]++|\\.)*+' | "(?:[^"\\]++|\\.)*+" )
| (?P<name>   `[^`]*+(?:``[^`]*+)*+` )
"""
_RAW_STRINGS = r""" (?P<raw> [rR](?:'[^']*+'|"[^"]*+") ) | """
_REST = r"""
| (?P<space>       \s++ )
| (?P<comment>     --LINE )
| (?P<opened>      /\* )
| (?P<unclosed>    ['"`] )
| (?P<number>      \d\w*+(?:\.\w*+)? )
| (?P<word>        \w++ )
  # Not after what makes it a cast (a::date), a field's type (struct<a:int>) or a path (a:b).
| (?P<placeholder> (?<![\w:\])}'"`]):[^\W\d]\w*+ )
| (?P<question>    \? )
| (?P<semicolon>   ; )
| (?P<sign>        . )
"""
_LINE = r"[^\r\n]*+"
_CONTINUED_LINE = r"(?:\\\r?\n|[^\r\n])*+"
"""Spark's comments go on after a line that ends with a backslash."""

_KINDS = {kind.value: kind for kind in TokenKind} | {"raw": TokenKind.STRING}
_COMMENT_END = re.compile(r"\*/")
_COMMENT_SIGNS = re.compile(r"/\*|\*/")


def scan(text: str, engine: Engine) -> Iterator[Token]:
    """Cut `text`, as `engine` would.

    Raises:
        SqlError: a string, a quoted name or a comment is not closed.
    """
    pattern = _pattern(engine)
    at = 0
    while (found := pattern.match(text, at)) is not None:
        group, start, at = found.lastgroup or "", at, found.end()
        if group == "unclosed":
            raise _unclosed_quote(text, start, engine)
        if group == "opened":
            at = _end_of_comment(text, start, nested=engine is Engine.SPARK)
            group = "comment"
        yield Token(_KINDS[group], text[start:at], start)


def place_of(text: str, start: int) -> tuple[int, int]:
    """The line and the column of a place in `text`, both counted from 1."""
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def error_at(text: str, token: Token, what: str, *, hint: str) -> SqlError:
    """`what` is wrong with this token of `text`."""
    line, column = place_of(text, token.start)
    length = len(token.text.partition("\n")[0])
    return sql_error(what, text, line=line, column=column, length=length, hint=hint)


@cache
def _pattern(engine: Engine) -> re.Pattern[str]:
    if engine.has_coordinator:
        quotes, line = _QUOTES_DOUBLED, _LINE
    elif engine is Engine.HIVE:
        quotes, line = _QUOTES_ESCAPED, _LINE
    else:
        quotes, line = _RAW_STRINGS + _QUOTES_ESCAPED, _CONTINUED_LINE
    return re.compile(quotes + _REST.replace("LINE", line), re.VERBOSE | re.DOTALL)


def _end_of_comment(text: str, start: int, *, nested: bool) -> int:
    depth, at = 1, start + 2
    signs = _COMMENT_SIGNS if nested else _COMMENT_END
    while (found := signs.search(text, at)) is not None:
        at = found.end()
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return at
    opening = Token(TokenKind.COMMENT, "/*", start)
    raise error_at(text, opening, "this comment is not closed.", hint="Close it with: */")


def _unclosed_quote(text: str, start: int, engine: Engine) -> SqlError:
    quote = text[start]
    is_name = quote == "`" or (quote == '"' and engine.has_coordinator)
    what = "quoted name" if is_name else "string"
    doubled = is_name or engine.has_coordinator
    return error_at(
        text,
        Token(TokenKind.SIGN, text[start:], start),
        f"this {what} is not closed.",
        hint=f"Close it with {quote} where it should end; inside it, write "
        f"{quote * 2 if doubled else chr(92) + quote} for the sign itself.",
    )
