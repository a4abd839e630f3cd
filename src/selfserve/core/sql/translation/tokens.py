"""Cut a statement into tokens as Trino does, where sqlglot's tokenizer differs."""

import re
from itertools import pairwise

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from selfserve.core.sql.translation.places import unsupported, wrong_at

_EXPONENT = re.compile(r"[0-9.]+[eE][+-]?[0-9]+")
_NO_OPERATORS = {
    "==": (TokenType.EQ,),
    "<=>": (TokenType.NULLSAFE_EQ,),
    "!": (TokenType.NOT, TokenType.UNKNOWN),
    "&&": (TokenType.AND, TokenType.DAMP),
}
_AFTER_ITEMS = {
    TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY, TokenType.ORDER_BY, TokenType.HAVING,
    TokenType.UNION, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.SEMICOLON,
}  # fmt: skip
_UTF8 = "Save it as UTF-8: iconv -f LATIN1 -t UTF-8 FILE.sql"


def tokens_of(text: str, dialect: Dialect) -> list[Token]:
    """All tokens, with their places in `text`.

    Raises:
        SqlError: It has none of the kind that Trino knows, somewhere.
        UnsupportedHereError: Numbers such as 0xFF.
    """
    _check_encoding(text)
    tokens = _placed_tokens(text, dialect)
    for token in tokens:
        if token.token_type == TokenType.DCOLON:
            hint = "Write CAST(… AS …)."
            raise wrong_at("Trino has no '::'", text, token.start, token.end, hint=hint)
        scientific = token.token_type == TokenType.NUMBER and "e" in token.text.lower()
        if scientific and not _EXPONENT.fullmatch(token.text):
            raise wrong_at(f"{token.text} is no number", text, token.start, token.end)
        if token.text in _NO_OPERATORS and token.token_type in _NO_OPERATORS[token.text]:
            raise wrong_at(f"Trino has no '{token.text}'", text, token.start, token.end)
    _check_commas(tokens, text)
    _check_from(tokens, text)
    _refuse_joined_numbers(tokens, text)
    return tokens


def _check_encoding(text: str) -> None:
    """Bytes that are no UTF-8 arrive as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        what = "this character is not UTF-8"
        raise wrong_at(what, text, error.start, error.start, hint=_UTF8) from error


def _placed_tokens(text: str, dialect: Dialect) -> list[Token]:
    """Cut 1e0+2 into three: sqlglot takes it for one number unless a blank is put in."""
    spaced, blanks = text, list[int]()
    tokens = _scanned(spaced, dialect)
    while ends := [end for token in tokens if (end := _end_of_number(token))]:
        for end in reversed(ends):
            spaced = f"{spaced[:end]} {spaced[end:]}"
        blanks = _moved(blanks, ends)
        tokens = _scanned(spaced, dialect)
    for token in tokens if blanks else ():
        token.start -= sum(blank < token.start for blank in blanks)
        token.end -= sum(blank < token.end for blank in blanks)
    return tokens


def _moved(blanks: list[int], ends: list[int]) -> list[int]:
    """Where all blanks are, when others are put in at `ends`."""
    old = [blank + sum(end <= blank for end in ends) for blank in blanks]
    return old + [end + index for index, end in enumerate(ends)]


def _end_of_number(token: Token) -> int:
    """The place behind the number that `token` begins with, if more follows it there; else 0."""
    if token.token_type != TokenType.NUMBER:
        return 0
    number = _EXPONENT.match(token.text)
    joined = number is not None and token.text[number.end() :].startswith(("+", "-"))
    return token.start + number.end() if number is not None and joined else 0


def _check_commas(tokens: list[Token], text: str) -> None:
    """Nothing behind the last comma of a list: sqlglot takes it."""
    for token, following in pairwise(tokens):
        if token.token_type == TokenType.COMMA and following.token_type in _AFTER_ITEMS:
            shown = text[following.start : following.end + 1]
            what = f"{shown!r} is not expected here, after a comma"
            raise wrong_at(what, text, following.start, following.end)
    if tokens and tokens[-1].token_type == TokenType.COMMA:
        raise wrong_at("the statement ends too early", text, tokens[-1].start, tokens[-1].end)


def _check_from(tokens: list[Token], text: str) -> None:
    """A query begins with SELECT: sqlglot takes FROM as well."""
    depth, selects = 0, False
    for index, token in enumerate(tokens):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        selects = selects or (depth == 0 and token.token_type == TokenType.SELECT)
        first = index == 0 or tokens[index - 1].token_type == TokenType.L_PAREN
        after_with = tokens[0].token_type == TokenType.WITH and depth == 0 and not selects
        if token.token_type == TokenType.FROM and (first or after_with):
            raise wrong_at("a query begins with SELECT, not FROM", text, token.start, token.end)


def _refuse_joined_numbers(tokens: list[Token], text: str) -> None:
    """1_000 and 0xFF, which sqlglot reads as a number and its alias."""
    for token, following in pairwise(tokens):
        touching = following.start == token.end + 1 and following.token_type == TokenType.VAR
        if token.token_type == TokenType.NUMBER and touching:
            raise unsupported(f"numbers such as {text[token.start : following.end + 1]}")


def _scanned(text: str, dialect: Dialect) -> list[Token]:
    try:
        return dialect.tokenize(text)
    except TokenError as error:
        start = _unclosed(text)
        raise wrong_at(
            f"what begins with {text[start]} does not end" if start >= 0 else str(error),
            text, start, start,
        ) from error  # fmt: skip


def _unclosed(text: str) -> int:
    """Where the string, quoted name or comment begins that has no end; -1 if all have one."""
    closers = {"'": "'", '"': '"', "--": "\n", "/*": "*/"}
    at = 0
    while at < len(text):
        opener = next((o for o in closers if text.startswith(o, at)), None)
        if opener is None:
            at += 1
            continue
        end = text.find(closers[opener], at + len(opener))
        if end < 0:
            return -1 if opener == "--" else at
        at = end + len(closers[opener])
    return -1
