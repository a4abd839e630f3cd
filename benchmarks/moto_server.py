"""moto's server with a mix of clusters in it, and a note of each request.

`python -m benchmarks.moto_server MIX NUMBER` prints its port, and serves until its
standard input ends. `moto_account` is its client.
"""

import io
import json
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import moto.emr.models
import moto.s3.models
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from benchmarks.cluster_mix import populate, put_beats
from benchmarks.moto_account import ACCOUNT, BUCKET, CONTROL, REGION


class _Recorder:
    """A WSGI application around moto's."""

    def __init__(self, moto: Callable[..., Iterable[bytes]], kinds: dict[str, str]) -> None:
        self._moto = moto
        self._kinds = kinds
        self._calls: list[tuple[str, str]] = []
        self._now = datetime.now(UTC).replace(tzinfo=None)

    def now(self) -> datetime:
        """The account's time, naive like moto's. It stands still, however slow this machine is."""
        return self._now

    def beat(self) -> None:
        """Let the probe of each cluster that waits write to S3."""
        s3 = moto.s3.models.s3_backends[ACCOUNT]["aws"]
        waiting = [one.id for one in self._clusters() if one.state == "WAITING"]
        put_beats(
            waiting,
            self.now().replace(tzinfo=UTC),
            lambda key, body: s3.put_object(BUCKET, key, body),
        )

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., object]
    ) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"])
        if path.startswith(CONTROL):
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._control(path[len(CONTROL) :])).encode()]
        self._calls.append(_to_call(environ))
        return self._moto(environ, start_response)

    def _control(self, what: str) -> object:
        if what == "calls":
            calls, self._calls = self._calls, []
            return calls
        if what == "states":
            return [(self._kinds[one.id], one.state) for one in self._clusters()]
        self._now += timedelta(seconds=float(what.removeprefix("later/")))
        self.beat()
        return []

    def _clusters(self) -> list[Any]:
        return list(moto.emr.models.emr_backends[ACCOUNT][REGION].clusters.values())


def _to_call(environ: dict[str, Any]) -> tuple[str, str]:
    scope = environ.get("HTTP_AUTHORIZATION", "")
    operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if "/elasticmapreduce/" in scope:
        return "emr", operation
    if "/monitoring/" in scope:
        return "monitoring", operation
    is_list = "list-type" in environ.get("QUERY_STRING", "")
    return "s3", "LIST" if is_list else str(environ["REQUEST_METHOD"])


def _serve(mix: str, live: int) -> None:
    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def date_time_string(self, *_: object) -> str:
            return format_datetime(recorder.now().replace(tzinfo=UTC), usegmt=True)

        def log(self, *_: object, **__: object) -> None:
            """Keep the terminal for the figures."""

    kinds: dict[str, str] = {}
    recorder = _Recorder(DomainDispatcherApplication(create_backend_app), kinds)
    moto.s3.models.utcnow = moto.emr.models.utcnow = recorder.now
    moto.s3.models.s3_backends[ACCOUNT]["aws"].create_bucket(BUCKET, REGION)
    kinds.update(populate(mix, live, recorder.now()))
    recorder.beat()
    server = make_server("127.0.0.1", 0, recorder, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    io.TextIOWrapper(sys.stdin.buffer).read()
    server.shutdown()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
