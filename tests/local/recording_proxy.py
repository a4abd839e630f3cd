"""A reverse proxy on the loopback that keeps all that AWS clients and an endpoint say."""

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from selfserve.local.home import Home

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}
_NOT_ANSWERED = {*_HOP_BY_HOP, "content-length"}


@dataclass
class Recording:
    """Requests with their answers, each as one text."""

    port: int
    exchanges: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def recording_proxy(upstream_port: int) -> Iterator[Recording]:
    """Serve until the block ends, passing everything on to `upstream_port`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = [self.requestline.encode(), bytes(self.headers), body]
            status, headers, answer = _ask(upstream_port, self, body)
            answered = [f"{name}: {value}".encode() for name, value in headers]
            recording.exchanges.append(b"\n".join([*asked, *answered, answer]))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815  http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's
            """What is said is recorded instead."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recording = Recording(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield recording
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _ask(
    port: int, request: BaseHTTPRequestHandler, body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.closing(connection):
        # The signature covers the Host header, so that goes on as it came.
        connection.putrequest(
            request.command, request.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in request.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        answer = response.read()
    length = response.getheader("Content-Length") if request.command == "HEAD" else None
    headers = [(n, v) for n, v in response.getheaders() if n.lower() not in _NOT_ANSWERED]
    return response.status, [*headers, ("Content-Length", length or str(len(answer)))], answer


def as_seen_through(recording: Recording, real: Home, seen: Home) -> Home:
    """Make of `seen` a home whose daemon is that of `real`, on the other side of the proxy."""
    seen.make()
    daemon = json.loads(real.daemon.read_text("utf-8"))
    seen.daemon.write_text(json.dumps({**daemon, "port": recording.port}), "utf-8")
    (seen.root / "keys.json").write_bytes((real.root / "keys.json").read_bytes())
    return seen
