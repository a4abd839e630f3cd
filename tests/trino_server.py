"""A coordinator on the loopback that is true to Trino's client protocol, with DuckDB behind it.

https://trino.io/docs/current/develop/client-protocol.html, and for what it leaves out the
answers of real coordinators: pages have tokens, and the last one can be asked for again,
older ones are gone; queued queries have other addresses than executing ones; errors come
with status 200. It also misbehaves when told to: see `TrinoServer`.
"""

import contextlib
import json
import re
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import quote_plus, unquote_plus, urlsplit

import duckdb

from trino_queries import Json, Query, QueryError, Scripted, literals, stats

_LONGEST_POLL_S = 0.1
_QUEUED_PAGES = 2
_IMMEDIATE = re.compile(r"EXECUTE\s+IMMEDIATE\s+'((?:[^']|'')*)'(?:\s+USING\s+(.*))?", re.DOTALL)
_EXECUTE = re.compile(r"EXECUTE\s+(\w+)(?:\s+USING\s+(.*))?", re.DOTALL)
_PREPARE = re.compile(r"PREPARE\s+(\w+)\s+FROM\s+(.*)", re.DOTALL)
_DEALLOCATE = re.compile(r"DEALLOCATE\s+PREPARE\s+(\w+)")
_USE = re.compile(r"USE\s+(?:(\w+)\.)?(\w+)")
_SET_SESSION = re.compile(r"SET\s+SESSION\s+([\w.]+)\s*=\s*(.*)", re.DOTALL)


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Refusal:
    """An answer that is none."""

    status: int = 503
    body: str = "busy"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Pages:
    """A query, and where its client is in it."""

    query: Query
    id: str
    slug: str
    user: str
    source: str
    headers: list[tuple[str, str]]
    """What the statement changes in the client's session."""
    parameters: list[str]
    phase: str = "queued"
    token: int = 0
    last: Json = field(default_factory=dict)
    state: str = "QUEUED"
    told_columns: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class TrinoServer:
    """What it does is in its fields; faults are for the next such request."""

    def __init__(self, *, presto: bool = False, page_rows: int = 100) -> None:
        self.presto, self.page_rows = presto, page_rows
        self.database = duckdb.connect(config={"threads": 1})
        self.requests: list[Request] = []
        self.queries: dict[str, Pages] = {}
        self.scripted: dict[str, Scripted] = {}
        self.refusals: dict[str, list[Refusal]] = {}
        """By method: given one by one instead of answers."""
        self.starting_queries = 0
        """So many queries are refused with SERVER_STARTING_UP."""
        self.starting_infos = 0
        """So often /v1/info says that it is starting."""
        self.lose: Counter[str] = Counter()
        """By method: so many requests take effect, and the connection ends without an answer."""
        self.tear: Counter[str] = Counter()
        """By method: so many answers end half way."""
        self.empty: Counter[str] = Counter()
        """By method: so many answers have no body."""
        self.die_at_page: int | None = None
        """When this page of an executing query is asked for, the coordinator is gone."""
        self._numbers = count()
        self._sockets: set[socket.socket] = set()
        self._http = _Http(self)
        self._port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def prefix(self) -> str:
        """Of its headers."""
        return "X-Presto-" if self.presto else "X-Trino-"

    def asked(self, method: str) -> list[str]:
        """Paths of the requests so far."""
        return [request.path for request in self.requests if request.method == method]

    def die(self) -> None:
        """Close the port and every connection; idempotent."""
        self._http.shutdown()
        self._http.socket.close()
        for one in list(self._sockets):
            with contextlib.suppress(OSError):  # already closed by its own end
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it and its queries."""
        for pages in self.queries.values():
            pages.query.cancel()
        self.die()
        self._thread.join()
        self._http.server_close()
        self.database.close()

    def submit(self, request: Request, base: str) -> Json:
        """Take a statement; it does not begin before its first page is asked for."""
        number = next(self._numbers)
        said = {name.removeprefix(self.prefix).lower(): v for name, v in request.headers.items()}
        text, parameters, headers = self._understand(request.body, said)
        pages = Pages(
            query=Query(text, self.database, presto=self.presto),
            id=f"20260501_103000_{number:05}_abcde",
            slug="x" + secrets.token_hex(8),
            user=said["user"],
            source=said.get("source", ""),
            headers=headers,
            parameters=parameters,
        )
        if headers:
            pages.query.update_type = request.body.split()[0].upper()
        self.queries[pages.id] = pages
        pages.last = self._page(pages, base, after=("queued", 1))
        return pages.last

    def page(self, path: str, base: str) -> tuple[int, Json | str, list[tuple[str, str]]]:
        """Status, body and headers for the address of a page."""
        _, _, _, phase, number, slug, token_text = path.split("/")
        pages, token = self.queries.get(number), int(token_text)
        if pages is None or pages.slug != slug:
            return 404, "Query not found", []
        with pages.lock:
            if (phase, token) != (pages.phase, pages.token):
                if not self._is_next(pages, phase, token):
                    return 410, "Gone", []
                pages.phase, pages.token = phase, token
                pages.last = self._advance(pages, base)
            done = pages.phase == "executing" and pages.query.error is None
            return 200, pages.last, pages.headers if done else []

    def cancel(self, path: str) -> int:
        """End the query of a page's address."""
        pages = self.queries.get(path.split("/")[4])
        if pages is None:
            return 404
        pages.query.cancel()
        pages.state = "FAILED"
        return 204

    def info(self) -> Json:
        """What /v1/info says."""
        self.starting_infos -= 1
        version = {"version": "0.287" if self.presto else "479"}
        starting = self.starting_infos >= 0
        return {"nodeVersion": version, "coordinator": True, "starting": starting}

    def listing(self) -> list[Json]:
        """What /v1/query says."""
        return [
            {
                "queryId": pages.id, "state": pages.state, "query": pages.query.text,
                "session": {"user": pages.user, "source": pages.source},
            }
            for pages in self.queries.values()
        ]  # fmt: skip

    def _understand(
        self, body: str, said: dict[str, str]
    ) -> tuple[str, list[str], list[tuple[str, str]]]:
        """The statement to run, its parameters, and what it changes in the session."""
        if (found := _IMMEDIATE.fullmatch(body)) and not self.presto:
            return found[1].replace("''", "'"), literals(found[2] or ""), []
        if changes := _session_changes(body):
            headers = [(f"{self.prefix}{name}", value) for name, value in changes]
            return "SELECT true", [], headers
        if found := _EXECUTE.fullmatch(body):
            pairs = [one.split("=", 1) for one in said.get("prepared-statement", "").split(",")]
            known = {name.strip(): unquote_plus(text) for name, text in pairs if text}
            return known[found[1]], literals(found[2] or ""), []
        return body, [], []

    def _is_next(self, pages: Pages, phase: str, token: int) -> bool:
        following = urlsplit(pages.last.get("nextUri", "")).path.split("/")
        return following[-4:] == [phase, pages.id, pages.slug, str(token)]

    def _advance(self, pages: Pages, base: str) -> Json:
        query = pages.query
        if pages.phase == "queued":
            if pages.token == 1:
                self._dispatch(pages)
            last = pages.token == _QUEUED_PAGES
            after = ("executing", 0) if last else ("queued", pages.token + 1)
            return self._page(pages, base, after=after)
        if pages.token == self.die_at_page:
            self.die()
        pages.state = "RUNNING"
        if not query.is_ready(_LONGEST_POLL_S):
            return self._page(pages, base, after=("executing", pages.token + 1))
        return self._rows(pages, base)

    def _dispatch(self, pages: Pages) -> None:
        if self.starting_queries:
            self.starting_queries -= 1
            said = "Trino server is still initializing"
            error = QueryError("SERVER_STARTING_UP", said, kind="INTERNAL_ERROR")
            pages.query.start(script=Scripted(then=error))
            return
        pages.query.start(pages.parameters, self.scripted.get(pages.query.text))

    def _rows(self, pages: Pages, base: str) -> Json:
        """Columns come with a page of their own, as when the first split is not done yet."""
        query, rows = pages.query, []
        try:
            if query.error is None and pages.told_columns:
                rows = query.fetch(self.page_rows)
        except QueryError as error:
            query.error = error
        if query.error is not None or (pages.told_columns and not rows):
            pages.state = "FAILED" if query.error else "FINISHED"
            return self._page(pages, base, after=None)
        pages.told_columns = True
        return self._page(pages, base, after=("executing", pages.token + 1), rows=rows)

    def _page(
        self, pages: Pages, base: str, *, after: tuple[str, int] | None, rows: Sequence[object] = ()
    ) -> Json:
        query = pages.query
        page: Json = {
            "id": pages.id,
            "infoUri": f"{base}/ui/query.html?{pages.id}",
            "stats": stats(query, pages.state),
            "warnings": [],
        }
        if after is not None:
            phase, token = after
            page["nextUri"] = f"{base}/v1/statement/{phase}/{pages.id}/{pages.slug}/{token}"
        if query.error is not None and after is None:
            page["error"] = query.error.to_json()
        elif pages.told_columns and query.columns.names:
            page["columns"] = query.columns.to_json()
        if rows:
            page["data"] = rows
        if query.update_type is not None:
            page["updateType"] = query.update_type
            page |= {} if query.update_count is None else {"updateCount": query.update_count}
        return page


@contextmanager
def trino_server(*, presto: bool = False, page_rows: int = 100) -> Iterator[TrinoServer]:
    """A coordinator for as long as the block runs."""
    server = TrinoServer(presto=presto, page_rows=page_rows)
    try:
        yield server
    finally:
        server.close()


def _session_changes(body: str) -> list[tuple[str, str]]:
    """Headers without their prefix, for statements that change the client's session."""
    if found := _DEALLOCATE.fullmatch(body):
        return [("Deallocated-Prepare", found[1])]
    if found := _PREPARE.fullmatch(body):
        return [("Added-Prepare", f"{found[1]}={quote_plus(found[2])}")]
    if found := _SET_SESSION.fullmatch(body):
        return [("Set-Session", f"{found[1]}={quote_plus(found[2].strip(chr(39)))}")]
    if found := _USE.fullmatch(body):
        return [*([("Set-Catalog", found[1])] if found[1] else []), ("Set-Schema", found[2])]
    return []


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, trino: TrinoServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.trino = trino


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def trino(self) -> TrinoServer:
        return self.server.trino

    def setup(self) -> None:
        super().setup()
        self.trino._sockets.add(self.connection)

    def finish(self) -> None:
        self.trino._sockets.discard(self.connection)
        with contextlib.suppress(OSError):  # the connection may have been cut
            super().finish()

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size).decode()
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        self.trino.requests.append(request)
        refusals = self.trino.refusals.get(self.command, [])
        if refusals:
            refusal = refusals.pop(0)
            self.say(refusal.status, refusal.body, refusal.headers)
            return
        with contextlib.suppress(OSError):  # the coordinator died meanwhile
            self.say(*self.decide(request))

    do_GET = do_POST = do_DELETE = answer  # noqa: N815  http.server's names

    def decide(
        self, request: Request
    ) -> tuple[int, Json | list[Json] | str, Sequence[tuple[str, str]]]:
        path = urlsplit(self.path).path
        base = f"http://{self.headers['Host']}"
        if path == "/v1/info":
            return 200, self.trino.info(), []
        own = self.trino.prefix.lower() + "user"
        names = {name.lower() for name in request.headers}
        if own not in names and self.command != "DELETE":
            foreign = any(name.startswith(("x-trino-", "x-presto-")) for name in names)
            status = 400 if self.trino.presto or foreign else 401
            return status, f"{self.trino.prefix}User must be set", []
        if path == "/v1/query":
            return 200, self.trino.listing(), []
        if self.command == "POST" and path == "/v1/statement":
            return 200, self.trino.submit(request, base), []
        if self.command == "DELETE":
            return self.trino.cancel(path), "", []
        return self.trino.page(path, base)

    def say(
        self, status: int, body: Json | list[Json] | str, headers: Sequence[tuple[str, str]]
    ) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        if self._hits(self.trino.lose):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        content = b"" if self._hits(self.trino.empty) else content
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self._hits(self.trino.tear):
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        self.wfile.write(content)

    def _hits(self, faults: Counter[str]) -> bool:
        if not faults[self.command]:
            return False
        faults[self.command] -= 1
        return True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's
        """Tests look at `requests` instead."""
