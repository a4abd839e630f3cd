"""Queries of the test coordinator: run in DuckDB, handed out a page at a time."""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from trino_types import TrinoType, to_trino_type

Json = dict[str, Any]  # as the protocol has it
_CODES = {
    "SYNTAX_ERROR": 1, "USER_CANCELED": 3, "COLUMN_NOT_FOUND": 47, "TABLE_NOT_FOUND": 46,
    "INVALID_CAST_ARGUMENT": 9, "INVALID_PARAMETER_USAGE": 23, "NOT_FOUND": 5,
}  # fmt: skip


class QueryError(Exception):
    """What goes into the `error` of a page."""

    def __init__(
        self, name: str, message: str, *, kind: str = "USER_ERROR",
        place: tuple[int, int] | None = None, causes: Sequence[str] = (),
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.name, self.kind, self.place, self.causes = name, kind, place, causes

    def to_json(self) -> Json:
        """In Trino's shape."""
        failure: Json = {"type": "io.trino.spi.TrinoException", "message": str(self)}
        inner = failure
        for cause in self.causes:
            inner["cause"] = {"type": "java.io.IOException", "message": cause}
            inner = inner["cause"]
        error: Json = {
            "message": str(self),
            "errorCode": _CODES.get(self.name, 65_536),
            "errorName": self.name,
            "errorType": self.kind,
            "failureInfo": failure,
        }
        if self.place:
            line, column = self.place
            error["errorLocation"] = {"lineNumber": line, "columnNumber": column}
        return error


@dataclass(frozen=True)
class Scripted:
    """What a statement is answered without asking DuckDB; `then` comes after the rows."""

    columns: Sequence[tuple[str, str]] = ()
    rows: Sequence[Sequence[Any]] = ()
    then: QueryError | None = None


@dataclass
class Columns:
    """Of one answer."""

    names: list[str] = field(default_factory=list)
    types: list[TrinoType] = field(default_factory=list)

    def to_json(self) -> list[Json]:
        """As pages have them."""
        pairs = zip(self.names, self.types, strict=True)
        return [{"name": n, "type": t.text, "typeSignature": t.signature} for n, t in pairs]


class Query:
    """One statement, in a thread of its own."""

    def __init__(self, text: str, database: duckdb.DuckDBPyConnection, *, presto: bool) -> None:
        self.text, self.presto = text, presto
        self.error: QueryError | None = None
        self.columns = Columns()
        self.update_type: str | None = None
        self.update_count: int | None = None
        self.cancelled = False
        self.rows_read = 0
        self._own = database.cursor()
        self._script: Scripted | None = None
        self._script_at = 0
        self._result: list[list[Any]] = []
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, parameters: Sequence[str] = (), script: Scripted | None = None) -> None:
        """Begin to work on it."""
        self._script = script
        self._thread = threading.Thread(target=self._run, args=(parameters,))
        self._thread.start()

    def is_ready(self, within_s: float) -> bool:
        """Whether the first rows, or the error, are there."""
        return self._ready.wait(within_s)

    @property
    def is_at_work(self) -> bool:
        """Whether its thread still runs."""
        return self._thread is not None and self._thread.is_alive()

    def cancel(self) -> None:
        """Stop working on it."""
        self.cancelled = True
        self._own.interrupt()
        self._ready.set()
        if self._thread is not None:
            self._thread.join()
        self.error = self.error or QueryError("USER_CANCELED", "Query was canceled")

    def fetch(self, most: int) -> list[list[Any]]:
        """The next rows, as JSON has them; none after the last."""
        if self._script is not None:
            rows = [list(row) for row in self._script.rows[self._script_at :][:most]]
            self._script_at += len(rows)
            if not rows and self._script.then is not None:
                raise self._script.then
        elif self.update_type is not None:
            rows, self._result = self._result, []
        else:
            encodes = [kind.encode for kind in self.columns.types]
            rows = [
                [None if v is None else f(v) for f, v in zip(encodes, row, strict=True)]
                for row in self._own.fetchmany(most)
            ]
        self.rows_read += len(rows)
        return rows

    def _run(self, parameters: Sequence[str]) -> None:
        try:
            if self._script is not None:
                self.columns = _scripted_columns(self._script)
            else:
                self._execute(_bind(_parse(self.text), parameters))
        except QueryError as error:
            self.error = error
        except duckdb.InterruptException:
            self.error = QueryError("USER_CANCELED", "Query was canceled")
        except duckdb.Error as error:
            self.error = to_query_error(error, self.text)
        finally:
            self._ready.set()

    def _execute(self, tree: exp.Expr) -> None:
        for table in tree.find_all(exp.Table):
            table.set("catalog", None)
        self._own.execute("SET TimeZone = 'UTC'")
        self._own.execute(tree.sql(dialect="duckdb"))
        if isinstance(tree, exp.Create | exp.Drop | exp.Insert | exp.Delete):
            self._summarise(tree)
            return
        for name, kind, *_ in self._own.description or ():
            self.columns.names.append(name)
            self.columns.types.append(to_trino_type(kind, presto=self.presto))

    def _summarise(self, tree: exp.Expr) -> None:
        """What changes something answers how much, or only that it did."""
        found = self._own.fetchone()
        counts = isinstance(tree, exp.Insert | exp.Delete) or bool(tree.args.get("expression"))
        name, kind, value = ("rows", "bigint", found[0] if found else 0)
        if not counts:
            name, kind, value = "result", "boolean", True
        self.update_type = tree.key.upper()
        self.update_count = value if counts else None
        self.columns = _scripted_columns(Scripted([(name, kind)]))
        self._result = [[value]]


def literals(using: str) -> list[str]:
    """The values after USING, each as SQL."""
    if not using.strip():
        return []
    return [
        one.sql("trino") for one in sqlglot.parse_one(f"SELECT {using}", read="trino").expressions
    ]


def to_query_error(error: duckdb.Error, text: str) -> QueryError:
    """DuckDB's error, as Trino would say it."""
    said = str(error)
    table = re.search(r"Table with name (\w+) does not exist", said)
    column = re.search(r'Referenced column "(\w+)" not found', said)
    if table:
        line, at = _find(text, table[1])
        what = f"line {line}:{at}: Table 'hive.default.{table[1]}' does not exist"
        return QueryError("TABLE_NOT_FOUND", what, place=(line, at))
    if column:
        line, at = _find(text, column[1])
        what = f"line {line}:{at}: Column '{column[1]}' cannot be resolved"
        return QueryError("COLUMN_NOT_FOUND", what, place=(line, at))
    if isinstance(error, duckdb.ConversionException):
        return QueryError("INVALID_CAST_ARGUMENT", said)
    return QueryError("GENERIC_INTERNAL_ERROR", said, kind="INTERNAL_ERROR")


def stats(query: Query | None, state: str) -> Json:
    """The statistics of a page; a query has ten splits, all done when it is."""
    rows = query.rows_read if query else 0
    done = 10 if state == "FINISHED" else 5 if rows else 0
    found: Json = {
        "state": state, "queued": state == "QUEUED", "scheduled": state != "QUEUED", "nodes": 1,
        "totalSplits": 10, "queuedSplits": 0, "runningSplits": 10 - done, "completedSplits": done,
        "cpuTimeMillis": 1, "wallTimeMillis": 1, "queuedTimeMillis": 0, "elapsedTimeMillis": 1,
        "processedRows": rows, "processedBytes": rows * 8, "peakMemoryBytes": 0,
        "spilledBytes": 0,
    }  # fmt: skip
    return found if query and query.presto else found | {"physicalInputBytes": rows * 4}


def _parse(text: str) -> exp.Expr:
    try:
        return sqlglot.parse_one(text, read="trino")
    except sqlglot.ParseError as error:
        found: Mapping[str, Any] = error.errors[0]
        word = str(found["highlight"])
        line, at = int(found["line"]), int(found["col"]) - len(word) + 1
        what = f"line {line}:{at}: mismatched input '{word}'. Expecting: <EOF>"
        raise QueryError("SYNTAX_ERROR", what, place=(line, at)) from error


def _bind(tree: exp.Expr, parameters: Sequence[str]) -> exp.Expr:
    places = list(tree.find_all(exp.Placeholder, bfs=False))
    if len(places) != len(parameters):
        what = f"Incorrect number of parameters: expected {len(places)} but found {len(parameters)}"
        raise QueryError("INVALID_PARAMETER_USAGE", what)
    for place, value in zip(places, parameters, strict=True):
        place.replace(sqlglot.parse_one(value, read="trino"))
    return tree


def _scripted_columns(script: Scripted) -> Columns:
    kinds = [
        TrinoType(text, {"rawType": text.partition("(")[0], "arguments": []}, lambda value: value)
        for _, text in script.columns
    ]
    return Columns([name for name, _ in script.columns], kinds)


def _find(text: str, word: str) -> tuple[int, int]:
    for number, line in enumerate(text.splitlines(), 1):
        found = re.search(rf"\b{re.escape(word)}\b", line)
        if found:
            return number, found.start() + 1
    return 1, 1
