"""The local EMR API on a free port of the loopback; S3 is somebody else's business."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

DEADLINE_S = 60.0


async def no_s3(scope: Scope, receive: Receive, send: Send) -> None:
    """What `make_app` takes for S3 where no test asks it."""
    raise AssertionError(f"{scope['path']} is not for S3: {receive} {send}")


class _Listening(uvicorn.Server):
    """Says when it has started, instead of being asked again and again."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.is_listening.set()


@contextmanager
def served(app: Any) -> Iterator[int]:
    """Serve an ASGI app; its port."""
    server = _Listening(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert server.is_listening.wait(DEADLINE_S)
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()
