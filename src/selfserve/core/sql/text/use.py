"""USE: which schema names without one lead to from now on. Pure."""

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.metadata import CATALOGS
from selfserve.core.sql.problems import sql_error
from selfserve.core.sql.text.tokens import TokenKind, scan
from selfserve.errors import BadInputError

_NAMES = {TokenKind.WORD, TokenKind.NAME}


def parse_use(text: str, engine: Engine) -> str:
    """The schema that a USE statement names, in lower case.

    Raises:
        SqlError: it names none.
        BadInputError: it names another catalog, which later statements would not ask.
    """
    tokens = [token for token in scan(text, engine) if token.is_significant]
    names = [_plain(token.text) for token in tokens[1:] if token.kind in _NAMES]
    signs = [token.text for token in tokens[1:] if token.kind not in _NAMES]
    if len(names) not in {1, 2} or signs != ["."] * (len(names) - 1):
        raise sql_error(
            "USE takes a schema's name", text, line=1, column=1, length=3, hint="Write: use sales"
        )
    if len(names) == 2 and names[0] not in CATALOGS:
        raise BadInputError(
            f"Schemas of the catalog {names[0]} cannot be made the usual ones here.",
            hint=f"Name tables in full: {names[0]}.{names[1]}.TABLE",
        )
    return names[-1]


def _plain(name: str) -> str:
    quote = name[0] if name[0] in '"`' else ""
    return (name[1:-1].replace(quote * 2, quote) if quote else name).lower()
