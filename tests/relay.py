"""A reverse proxy on the loopback, for whoever wants to hear what is said, or to meddle with it."""

import contextlib
import http.client
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}
_NOT_ANSWERED = {*_HOP_BY_HOP, "content-length"}
_RESET_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER, for no time


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says; its headers do not tell the length."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    length: int | None = None
    """That of the body that a HEAD request leaves out."""

    def with_body(self, body: bytes) -> "Answer":
        """The same answer with other content."""
        return replace(self, body=body)


class Conversation(BaseHTTPRequestHandler):
    """One request, and the means to pass it on and to answer it, well or badly."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    body: bytes = b""

    def read(self) -> bytes:
        """The rest of the request, which must have come before it can be passed on."""
        self.body = self.rfile.read(self.size)
        return self.body

    def read_half(self) -> None:
        """No more than half of what the client is about to send."""
        self.rfile.read(self.size // 2)

    @property
    def size(self) -> int:
        """The bytes of the request's body."""
        return int(self.headers.get("Content-Length") or 0)

    def ask(self, port: int) -> Answer:
        """Pass the request on to the server at this port, and hear it out."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        with contextlib.closing(connection):
            # The signature covers the Host header, so that goes on as it came.
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    connection.putheader(name, value)
            connection.endheaders(self.body)
            response = connection.getresponse()
            body = response.read()
        length = response.getheader("Content-Length") if self.command == "HEAD" else None
        headers = tuple((n, v) for n, v in response.getheaders() if n.lower() not in _NOT_ANSWERED)
        return Answer(response.status, headers, body, int(length) if length else None)

    def tell(self, answer: Answer) -> None:
        """Answer."""
        self.wfile.write(self._to_bytes(answer))

    def tell_half(self, answer: Answer) -> None:
        """Begin to answer, and reset the connection before the end."""
        whole = self._to_bytes(answer)
        self.wfile.write(whole[: len(whole) - max(len(answer.body) // 2, 1)])
        self.hang_up()

    def drip(self, answer: Answer, pause: Callable[[], object]) -> None:
        """Answer in many small pieces, with a pause after each."""
        whole = self._to_bytes(answer)
        size = max(len(whole) // 20, 1)
        for start in range(0, len(whole), size):
            self.wfile.write(whole[start : start + size])
            pause()

    def hang_up(self) -> None:
        """Reset the connection."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
        os.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's
        """Whoever meddles tells what matters."""

    def _to_bytes(self, answer: Answer) -> bytes:
        length = len(answer.body) if answer.length is None else answer.length
        head = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, 'Status')}"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        head += [f"Content-Length: {length}", "", ""]
        return "\r\n".join(head).encode("latin-1") + answer.body


@contextlib.contextmanager
def relay(meddle: Callable[[Conversation], None]) -> Iterator[int]:
    """Let `meddle` deal with every request until the block ends; yields the port.

    It is called in a thread for each connection. None is left at the end.
    """

    class Meddling(Conversation):
        def deal(self) -> None:
            meddle(self)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = deal  # noqa: N815  http.server's names

    server = _Server(("127.0.0.1", 0), Meddling)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.close_connections()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that `server_close` waits for them
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[Conversation]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def close_connections(self) -> None:
        """End what clients hold open for their next request."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # it has just been closed
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that has gone is no news
            super().handle_error(request, client_address)
