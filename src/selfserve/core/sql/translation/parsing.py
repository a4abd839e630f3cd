"""Read a statement of Trino or Presto into sqlglot's tree.

Functions stay as they were written (sqlglot would rename them and change their arguments), so
that `functions/` has one table by Trino's names and messages can repeat the user's words.
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, NoReturn

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError
from sqlglot.parsers.trino import TrinoParser
from sqlglot.tokenizer_core import Token, TokenType

from selfserve.core.sql.translation.places import unsupported, wrong_at
from selfserve.core.sql.translation.tokens import tokens_of

_OF_JSON = ("json_object", "json_array", "json_exists", "json_query", "json_value", "json_table")
_KEPT = ("CAST", "TRY_CAST", "EXTRACT", "TRIM", "SUBSTRING", "POSITION", "LISTAGG")


class _PlacedError(ParseError):
    def __init__(self, what: str, token: Token | None) -> None:
        super().__init__(what)
        self.what = what
        self.token = token


class _NotTrinoError(_PlacedError):
    """What sqlglot takes, and Trino does not."""


def _placed(parse_call: Callable[[Any], exp.Expr]) -> Callable[[Any], exp.Expr]:
    """Let what is parsed keep the place of its name; sqlglot forgets it for these functions.

    Any: sqlglot leaves the types of these tables open.
    """

    def parse_(parser: Any) -> exp.Expr:  # noqa: ANN401
        name = parser._tokens[parser._index - 2]  # noqa: SLF001 (before the bracket)
        return parse_call(parser).update_positions(name)

    return parse_


class _Parser(TrinoParser):
    FUNCTIONS: ClassVar = {}
    # Trino has no operators but the dot for what is inside of a value: no ->, ->>, ::
    COLUMN_OPERATORS: ClassVar = {TokenType.DOT: TrinoParser.COLUMN_OPERATORS[TokenType.DOT]}
    FUNCTION_PARSERS: ClassVar = {
        name: _placed(TrinoParser.FUNCTION_PARSERS[name]) for name in _KEPT
    }

    def raise_error(self, message: str, token: Token | None = None) -> NoReturn:
        """Keep the token: sqlglot's own error has only the column of its end."""
        if token is None and self._curr and message.startswith(("Required", "Expecting")):
            token = self._curr
        raise _PlacedError(message, token or self._curr or None)

    def _parse_bracket(self, this: exp.Expr | None = None) -> exp.Expr | None:
        if not this and self._curr and self._curr.token_type in self.BRACKETS:
            what = f"Trino has no {self._curr.text} here; an array is ARRAY[1, 2]"
            raise _NotTrinoError(what, self._curr)
        return super()._parse_bracket(this)

    def _parse_group(
        self,
        skip_group_by_token: bool = False,  # noqa: FBT001, FBT002 (sqlglot's signature)
    ) -> exp.Group | None:
        group = super()._parse_group(skip_group_by_token)
        if group and [key for key, value in group.args.items() if value] == ["all"]:
            what = "Trino has no GROUP BY ALL without more; name what to group by"
            raise _NotTrinoError(what, self._prev)
        return group

    def _parse_limit(
        self,
        this: exp.Expr | None = None,
        top: bool = False,  # noqa: FBT001, FBT002 (sqlglot's signature)
        skip_limit_token: bool = False,  # noqa: FBT001, FBT002
    ) -> exp.Expr | None:
        limit = super()._parse_limit(this, top, skip_limit_token)
        if isinstance(limit, exp.Limit) and limit.args.get("offset"):
            raise _NotTrinoError(
                "Trino has no LIMIT of two numbers; write OFFSET 1 LIMIT 2", self._prev
            )
        if isinstance(limit, (exp.Limit, exp.Fetch)) and self._match(
            TokenType.OFFSET, advance=False
        ):
            raise _NotTrinoError("in Trino, OFFSET stands before LIMIT", self._curr)
        return limit


@cache
def dialect() -> Dialect:
    """Trino's, as sqlglot has it."""
    trino = Trino()
    trino.INDEX_OFFSET = 0  # leave x[1] alone
    return trino


def parse(text: str) -> exp.Expr:
    """The one statement in `text`.

    Raises:
        SqlError: It is no statement, or more than one.
        UnsupportedHereError: It is not a query.
    """
    tokens = tokens_of(text, dialect())
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    end = next((t for t in tokens if t.token_type == TokenType.SEMICOLON), None)
    if end:
        following = tokens[tokens.index(end) + 1]
        raise wrong_at(
            "a second statement begins here", text, following.start, following.end,
            hint="Give one statement at a time; put several into files.",
        )  # fmt: skip
    if not tokens:
        raise wrong_at("there is no statement", text, -1, -1, hint='Try: selfserve sql "select 1"')
    return _parsed(tokens, text)


def _parsed(tokens: list[Token], text: str) -> exp.Expr:
    try:
        statements = _Parser(dialect=dialect()).parse(tokens, text)
    except _PlacedError as error:
        _refuse_json(tokens)
        raise _syntax_error(error, text) from error
    except ValueError as error:  # sqlglot's own, at what it takes for the beginning of a rule
        raise wrong_at("the statement cannot be understood", text, -1, -1) from error
    except RecursionError as error:
        raise unsupported("a statement nested this deep") from error
    statement = statements[0] if statements else None
    if not isinstance(statement, exp.Expr):
        raise wrong_at("there is no statement", text, -1, -1)
    if not isinstance(statement, (exp.Query, exp.Values)):
        raise unsupported(
            f"{tokens[0].text.upper()} (it reads tables with SELECT, and that is all)"
        )
    return statement


def _refuse_json(tokens: list[Token]) -> None:
    """Functions of JSON with a syntax of their own, which sqlglot's Trino does not read."""
    for token, following in pairwise(tokens):
        if token.text.lower() in _OF_JSON and following.token_type == TokenType.L_PAREN:
            raise unsupported(f"{token.text}()")


def _syntax_error(error: _PlacedError, text: str) -> Exception:
    token = error.token
    if token is None or not token.text:
        last = len(text.rstrip()) - 1
        return wrong_at("the statement ends too early", text, last, last)
    if isinstance(error, _NotTrinoError):
        return wrong_at(error.what, text, token.start, token.end)
    what = f"{text[token.start : token.end + 1]!r} is not expected here"
    if error.what == "Expecting )":
        what = f"a closing bracket is missing before {text[token.start : token.end + 1]!r}"
    return wrong_at(what, text, token.start, token.end)
