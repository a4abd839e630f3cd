"""`selfserve sql "…"` and nothing else: the shortest way to a table.

To parse options, typer loads pydantic, which takes longer than a short statement. A
statement alone has no options to parse. Everything else goes through `app.py`.
"""

import os
import sys
from collections.abc import Sequence


def is_quick(arguments: Sequence[str]) -> bool:
    """Whether it is `sql` with one statement, and no option before or after it."""
    return (
        len(arguments) == 2
        and arguments[0] == "sql"
        and not arguments[1].startswith(("-", "@"))
        and bool(arguments[1])
        and "SELFSERVE_SQL_LAPTOP" not in os.environ  # which stands for an option
    )


def run_quick(statement: str) -> None:
    """Do what `cli/sql.py` does with the statement, and exit."""
    from selfserve.cli.failures import tell
    from selfserve.cli.invocation import Invocation
    from selfserve.cli.sql_console import run_once
    from selfserve.errors import SelfserveError
    from selfserve.usecases.sql.orders import Script

    try:
        run_once(Invocation(), Script(text=statement))
    except (SelfserveError, KeyboardInterrupt, OSError) as error:
        sys.exit(tell(error))
    sys.exit(0)
