"""The daemon: assembles the local target, serves it, and ends itself when idle.

One per home folder, guarded by a file lock. Run by `daemon_client.ensure_running` as
`python -m selfserve.local.daemon --home FOLDER [--port N]`.
"""

import argparse
import fcntl
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

import selfserve
from selfserve.errors import ClusterFailedError, SelfserveError
from selfserve.local.api.app import make_app
from selfserve.local.control.controller import Controller
from selfserve.local.control.events import TerminateRequested
from selfserve.local.control.store import Store, StoreError
from selfserve.local.endpoint import BUCKET
from selfserve.local.engine.spark_engine import SparkEngine
from selfserve.local.home import DaemonFile, Home, cannot_write, write_private
from selfserve.local.lake.folders import Lake
from selfserve.local.lake.rclone import RcloneServer
from selfserve.local.lake.s3_gateway import S3Gateway
from selfserve.local.primary_nodes import PrimaryNodes

_log = logging.getLogger("selfserve.local.daemon")

IDLE_EXIT_S = 900.0
"""Without a cluster and a request for this long, the daemon ends itself."""
_GOODBYE_S = 30.0
_LOOK_S = 1.0


class LastRequest:
    """ASGI middleware that remembers when the endpoint was last asked something."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._at = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, noting the time before and after."""
        self._at = time.monotonic()
        await self._app(scope, receive, send)
        self._at = time.monotonic()

    def age_s(self) -> float:
        """Seconds since the last request began or ended."""
        return time.monotonic() - self._at


def serve(home: Home, *, port: int | None, idle_exit_s: float = IDLE_EXIT_S) -> None:
    """Serve until idle or told to stop. Returns with nothing left running."""
    keys = home.keys()
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(home, port))
        said = DaemonFile(listener.getsockname()[1], os.getpid(), selfserve.__version__)
        lake = Lake(home.lake)
        lake.ensure_bucket(BUCKET)
        rclone = RcloneServer(lake, keys.access_key, keys.secret_key)
        stack.callback(rclone.stop)
        rclone.start()
        store = Store(home.state)
        stack.callback(store.close)
        controller = Controller(store, nodes=PrimaryNodes(home.root, lake))
        stack.callback(controller.close)
        environment = home.endpoint(said).environment()
        engine = SparkEngine(home.root, lake, controller.notify, endpoint_env=environment)
        stack.callback(engine.close)
        controller.attach(engine)
        controller.recover()
        controller.start()
        stack.callback(_say_goodbye, controller)

        gateway = S3Gateway(rclone, lake)
        access = {keys.access_key: keys.secret_key}
        app = LastRequest(
            make_app(controller, keys=access, s3=gateway, catalogue=engine.begin_catalogue)
        )
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        )
        stack.enter_context(_idle_exit(server, controller, app, idle_exit_s))
        home.announce(said)
        stack.callback(home.daemon.unlink, missing_ok=True)
        server.run(sockets=[listener])


@contextmanager
def _listen(home: Home, port: int | None) -> Iterator[socket.socket]:
    """A listening socket on the loopback: the port asked for, else the last one, else any."""
    wanted = [port] if port is not None else [home.last_port(), 0]
    # asyncio turns Nagle's algorithm off for sockets that say they are TCP only; with it on,
    # every answer waits 40 ms for the client's delayed ACK.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for candidate in wanted:
            try:
                listener.bind(("127.0.0.1", candidate))
                break
            except OSError as error:
                reason = error
        else:
            raise ClusterFailedError(
                f"Port {wanted[-1]} on 127.0.0.1 cannot be used: {reason.strerror}.",
                hint="Let selfserve choose a free one: selfserve local start",
            ) from reason
        listener.listen(128)
        yield listener


@contextmanager
def _idle_exit(
    server: uvicorn.Server, controller: Controller, requests: LastRequest, idle_exit_s: float
) -> Iterator[None]:
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_S):
            if requests.age_s() > idle_exit_s and not controller.has_live_clusters():
                _log.info("idle for %.0f s: ending", idle_exit_s)
                server.should_exit = True
                return

    watcher = threading.Thread(target=watch, name="idle-exit", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _say_goodbye(controller: Controller) -> None:
    """End what still runs, so that no cluster outlives the daemon that was told to stop."""
    try:
        for cluster in controller.all():
            if not cluster.state.is_gone:
                controller.apply(cluster.id, TerminateRequested())
    except StoreError as error:
        # The engine ends their processes all the same; the next daemon tells what became of them.
        _log.error("%s %s", error, error.hint)
        return
    deadline = time.monotonic() + _GOODBYE_S
    while controller.has_live_clusters() and time.monotonic() < deadline:
        time.sleep(0.05)


@contextmanager
def _only_one(home: Home) -> Iterator[bool]:
    """Whether this process is the home's one daemon; the lock goes with the process."""
    try:
        lock = home.lock.open("w", encoding="utf-8")
    except OSError as error:
        raise cannot_write(home.lock, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def main() -> int:
    """Run the daemon; on failure leave the reason where the client looks for it."""
    parser = argparse.ArgumentParser(prog="selfserve-local")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    home = Home(chosen.home)
    # Uvicorn raises the signal that has stopped it once more: nobody would clean up after it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    idle_exit_s = float(os.environ.get("SELFSERVE_LOCAL_IDLE_EXIT_S", IDLE_EXIT_S))
    try:
        home.make()
        with _only_one(home) as is_mine:
            if is_mine:
                serve(home, port=chosen.port, idle_exit_s=idle_exit_s)
    except SelfserveError as error:
        _log.error("%s", error)
        _leave_reason(home, error)
        return error.exit_code
    return 0


def _leave_reason(home: Home, error: SelfserveError) -> None:
    try:
        write_private(home.failure, json.dumps({"message": str(error), "hint": error.hint}))
    except SelfserveError as second:
        _log.error("the reason cannot be written either: %s", second)


if __name__ == "__main__":
    sys.exit(main())
