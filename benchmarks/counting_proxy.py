"""A reverse proxy on the loopback that counts what AWS clients ask of the local endpoint."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    service: str
    """`s3`, `emr`, or `` for the endpoint's own health check."""
    operation: str
    """EMR's operation, or S3's method and path."""
    sent: int
    """Bytes of its body."""


@dataclass
class Counter:
    """Where clients connect, and what they have asked so far."""

    port: int
    calls: list[Call] = field(default_factory=list)

    def of(self, service: str) -> list[Call]:
        """The calls of one service."""
        return [call for call in self.calls if call.service == service]


@contextlib.contextmanager
def counting_proxy(upstream_port: int) -> Iterator[Counter]:
    """Serve until the block ends, passing everything on to `upstream_port`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            counter.calls.append(_to_call(self.command, self.path, dict(self.headers), len(body)))
            connection = http.client.HTTPConnection("127.0.0.1", upstream_port, timeout=120)
            with contextlib.closing(connection):
                # The signature covers the Host header, so that goes on as it came.
                connection.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                for name, value in self.headers.items():
                    if name.lower() not in {*_HOP_BY_HOP, "expect"}:
                        connection.putheader(name, value)
                connection.endheaders(body)
                self._answer(connection.getresponse())

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815  their names

        def _answer(self, response: http.client.HTTPResponse) -> None:
            body = response.read()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in {*_HOP_BY_HOP, "content-length"}:
                    self.send_header(name, value)
            length = response.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the terminal for the figures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    counter = Counter(port=int(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield counter
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _to_call(method: str, path: str, headers: dict[str, str], sent: int) -> Call:
    target = headers.get("X-Amz-Target", "")
    scope = headers.get("Authorization", "")
    if "/elasticmapreduce/" in scope:
        return Call("emr", target.rpartition(".")[2], sent)
    return Call("s3" if "/s3/" in scope else "", f"{method} {path}", sent)
