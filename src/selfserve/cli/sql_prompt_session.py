"""The console as the prompt sees it."""

from collections.abc import Sequence

from selfserve.cli.sql_console import Console, Outlet
from selfserve.cli.sql_prompt import Look, run_prompt
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.tables import TableCatalogue, TableColumn
from selfserve.errors import BadInputError
from selfserve.usecases.sql.orders import Script


def prompt(console: Console) -> None:
    """Ask for statements until the user leaves.

    Raises:
        BadInputError: rows cannot go to a file from there.
    """
    if console.outlet.out is not None:
        raise BadInputError(
            "--out takes the rows of one query, and none is given.",
            hint='Give it: selfserve sql "select …" --out FILE',
        )
    look = Look(result_format=console.outlet.format, vertical=console.vertical)
    run_prompt(_PromptSession(console), on=console.this.on, look=look)


class _PromptSession:
    """Implements `sql_prompt.SqlSession`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._catalogue: TableCatalogue | None = None

    @property
    def engine(self) -> Engine:
        """Whose SQL is typed."""
        return self._console.session.road.facts.engine

    @property
    def name(self) -> str:
        """Where it goes."""
        facts = self._console.session.road.facts
        return facts.cluster or facts.profile or facts.engine

    @property
    def schema(self) -> str:
        """The schema in use."""
        return self._console.schema

    def run(self, statement: str, look: Look) -> None:
        """Run a statement and show its answer."""
        self._console.outlet = Outlet(look.result_format)
        self._console.vertical = look.vertical
        self._console.run(Script(text=statement), [])

    def schemas(self) -> Sequence[str]:
        """All of them."""
        return self._tables().schemas()

    def tables(self, schema: str) -> Sequence[str]:
        """Of a schema."""
        return self._tables().tables(schema)

    def columns(self, schema: str, table: str) -> Sequence[TableColumn]:
        """Of a table; empty if there is none."""
        found = self._tables().find(schema, table)
        return found.all_columns if found is not None else ()

    def functions(self) -> Sequence[str]:
        """Trino's by its manual; of Hive and Spark, those that the dialect's parser knows."""
        if self.engine.has_coordinator:
            from selfserve.core.sql.translation.functions.known import TRINO_FUNCTIONS

            return sorted(TRINO_FUNCTIONS)
        from sqlglot import Dialect

        known = Dialect.get_or_raise(self.engine.value).parser_class.FUNCTIONS
        return sorted(name.lower() for name in known)

    def _tables(self) -> TableCatalogue:
        if self._catalogue is None:
            self._catalogue = self._console.catalogue()
        return self._catalogue
