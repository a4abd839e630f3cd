"""A server on the loopback that answers as a script says, and remembers what was asked."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `lost` reads the request, then closes the connection without one."""

    status: int = 200
    body: bytes = b"{}"
    lost: bool = False
    never: bool = False
    """The connection stays open, and silent, until the server ends."""
    ahead: timedelta = timedelta(0)
    """How much later it is where the server is, by the Date of its answer."""

    @property
    def date(self) -> str:
        """The server's time, as HTTP writes it."""
        return format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)


def emr_error(code: str, message: str, *, status: int = 400) -> Answer:
    """An error as EMR's JSON protocol has it."""
    return Answer(status, json.dumps({"__type": code, "message": message}).encode())


def emr_reply(**fields: Any) -> Answer:  # Any: what json.dumps takes
    """A reply as EMR's JSON protocol has it."""
    return Answer(200, json.dumps(fields).encode())


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """EMR's operation, such as RunJobFlow."""
        return self.headers.get("x-amz-target", "").partition(".")[2]


class Loopback:
    """Gives `answers` one by one; the last one again and again."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End the server and its threads."""
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", "0")))
                loopback.requests.append(Request(self.command, self.path, headers, body))
                answer = loopback._answer()
                if answer.never:
                    loopback._ended.wait()
                if answer.lost or answer.never:
                    return
                self.send_response_only(answer.status)
                self.send_header("Date", answer.date)
                self.send_header("ETag", '"etag"')
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST  # noqa: N815  http.server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's
                """Tests look at `requests` instead."""

        return Handler


@contextmanager
def loopback(*answers: Answer) -> Iterator[Loopback]:
    """Serve `answers` for as long as the block runs."""
    server = Loopback(answers or (Answer(),))
    try:
        yield server
    finally:
        server.close()


def closed_port() -> int:
    """A port of the loopback on which nothing listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_port
