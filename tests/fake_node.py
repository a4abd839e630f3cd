"""A pretended primary node of EMR: its files, its engines over HTTP, and its commands.

`Node.run` starts the real scripts of bootstrap/ with these around them. What the fake
`aws` answers is in files; what was called is in `calls`.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from loopback import closed_port

BOOTSTRAP = Path(__file__).parents[1] / "bootstrap"
CLUSTER = "j-2AXXXXXXGAPLF"
BEATS = "s3://lake/selfserve/beats/"
LEASES = "s3://lake/selfserve/leases/"

_AWS = """\
#!/usr/bin/env bash
cd "$(dirname "$0")/.."
echo "aws $*" >>calls
case "$1 $2" in
  "s3 cp")
    answer=put-beat
    cat >beat
    ;;
  "s3api get-object")
    answer=get-lease
    if [[ -e lease ]]; then
      cp lease "$7"
      echo '"etag-1"'
    elif [[ ! -e get-lease.err ]]; then
      echo "An error occurred (NoSuchKey) when calling the GetObject operation" >&2
      exit 254
    fi
    ;;
  "s3api put-object")
    answer=put-lease
    [[ -e put-lease.err ]] || cp "$8" lease
    ;;
  *) answer=$2 ;;
esac
if [[ -e $answer.err ]]; then
  cat "$answer.err" >&2
  exit 254
fi
[[ ! -e $answer.out ]] || cat "$answer.out"
"""
_LOGGED = """\
#!/usr/bin/env bash
cd "$(dirname "$0")/.."
echo "$(basename "$0") $*" >>calls
"""
_PGREP = """\
#!/usr/bin/env bash
[[ -e "$(dirname "$0")/../step-processes" ]]
"""
_SUDO = '#!/usr/bin/env bash\nexec "$@"\n'


class Engines:
    """All engines of the node on one port: what each path answers, as JSON."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}  # JSON, a text as it is, or an HTTP status
        self.users: dict[str, str] = {}  # the one header of its kind that a path takes
        engines = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                given = [name for name in self.headers if name.endswith("-User")]
                is_welcome = path not in engines.users or given == [engines.users[path]]
                answer = engines.answers.get(path, 404) if is_welcome else 401
                text = answer if isinstance(answer, str) else json.dumps(answer)
                body = b"" if isinstance(answer, int) else text.encode()
                self.send_response(answer if isinstance(answer, int) else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_GET  # noqa: N815  http.server's name

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class Node:
    """Give engines with `yarn`, `queries`, …; whatever was not given is not installed."""

    folder: Path
    engines: Engines
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, text in {
            # Not a version manager's: those put their own folders before ours.
            "python3": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
            "aws": _AWS, "pgrep": _PGREP, "sudo": _SUDO, "shutdown": _LOGGED, "systemctl": _LOGGED,
        }.items():  # fmt: skip
            program = self.folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(text)
            program.chmod(0o755)
        self.write("mnt/var/lib/info/instance.json", '{"isMaster": true}')
        self.write("mnt/var/lib/info/job-flow.json", json.dumps({"jobFlowId": CLUSTER}))
        (self.root / "etc/systemd/system").mkdir(parents=True)
        self.engines.answers |= {"/api/token": "t", "/meta-data/placement/region": "eu-west-1"}
        closed = closed_port()
        self.ports = dict.fromkeys(("yarn", "query", "livy", "notebook"), closed)

    @property
    def root(self) -> Path:
        """What stands for /."""
        return self.folder / "root"

    @property
    def busy_file(self) -> Path:
        """What EMR's auto-termination looks at."""
        return self.root / "emr/metricscollector/isbusy"

    @property
    def calls(self) -> list[str]:
        """Commands that were called, in order."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def lease(self) -> Path:
        """The cluster's lease in S3."""
        return self.folder / "lease"

    @property
    def beat(self) -> dict[str, Any]:
        """The beat that was last written."""
        beat: dict[str, Any] = json.loads((self.folder / "beat").read_text())
        return beat

    def write(self, path: str, text: str) -> None:
        """Put a file below the root."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def aws(self, answer: str, *, says: str | None = None, refuses: str | None = None) -> None:
        """Let the command `answer` (such as list-steps, put-lease) print this, or fail so."""
        for suffix, text in ((".out", says), (".err", refuses)):
            (self.folder / f"{answer}{suffix}").unlink(missing_ok=True)
            if text is not None:
                (self.folder / f"{answer}{suffix}").write_text(text)

    def serve(self, **answers: Any) -> None:  # Any: JSON
        """Install engines: `yarn=[…]` applications, `queries`, `livy`, `batches`, `kernels`.

        A number in place of a list is the HTTP status that the engine answers with.
        """
        if "livy" in answers:
            answers = {"batches": [], **answers}
        for name, answer in answers.items():
            port, path, shape = _PATHS[name]
            self.ports[port] = self.engines.port
            self.engines.answers[path] = answer if isinstance(answer, int) else shape(answer)

    def stop(self, port: str) -> None:
        """Let an engine listen no more."""
        self.ports[port] = closed_port()

    def options(self) -> list[str]:
        """The probe's options for this node."""
        ports = [
            text for name, port in self.ports.items() for text in (f"--{name}-port", str(port))
        ]
        return ["--root", str(self.root), "--timeout", "5", *ports]

    def probe(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run busy-probe.py."""
        return self.run([BOOTSTRAP / "busy-probe.py", command, BEATS, *more, *self.options()])

    def install_probe(self, *more: str) -> None:
        """What busy-probe.py's `install` leaves for max-age.sh, without its timer."""
        programs = self.root / "usr/local/lib/selfserve"
        programs.mkdir(parents=True, exist_ok=True)
        shutil.copy(BOOTSTRAP / "busy-probe.py", programs / "busy-probe")
        (programs / "busy-probe.args").touch()
        self._probe_arguments = [BEATS, *more]

    def max_age(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run max-age.sh, with the probe's arguments as the engines are now."""
        kept = self.root / "usr/local/lib/selfserve/busy-probe.args"
        if kept.exists():
            kept.write_text("\n".join([*self._probe_arguments, *self.options()]) + "\n")
        imds = f"http://127.0.0.1:{self.engines.port}"
        script = BOOTSTRAP / "max-age.sh"
        return self.run(["bash", script, *arguments, "--root", str(self.root), "--imds", imds])

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Run a command with the fakes before the machine's own programs."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            command,
            env={"PATH": path, "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def _yarn(applications: list[Any]) -> Any:
    return {"apps": {"app": applications} if applications else None}


def _livy(items: list[Any]) -> Any:
    return {"from": 0, "total": len(items), "sessions": items}


_PATHS: dict[str, tuple[str, str, Callable[[list[Any]], Any]]] = {
    "yarn": ("yarn", "/ws/v1/cluster/apps", _yarn),
    "queries": ("query", "/v1/query", list),
    "livy": ("livy", "/sessions", _livy),
    "batches": ("livy", "/batches", _livy),
    "kernels": ("notebook", "/api/kernels", list),
}
"""By the name for `serve`: the engine's port and path, and how it wraps a list."""


@contextmanager
def fake_node(folder: Path) -> Iterator[Node]:
    """A node for as long as the block runs."""
    engines = Engines()
    try:
        yield Node(folder, engines)
    finally:
        engines.close()
