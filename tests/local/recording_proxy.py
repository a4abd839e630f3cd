"""A reverse proxy on the loopback that keeps all that AWS clients and an endpoint say."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from relay import Conversation, relay
from selfserve.local.home import Home


@dataclass
class Recording:
    """Requests with their answers, each as one text."""

    port: int = 0
    exchanges: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def recording_proxy(upstream_port: int) -> Iterator[Recording]:
    """Serve until the block ends, passing everything on to `upstream_port`."""
    recording = Recording()

    def record(client: Conversation) -> None:
        asked = [client.requestline.encode(), bytes(client.headers), client.read()]
        answer = client.ask(upstream_port)
        answered = [f"{name}: {value}".encode() for name, value in answer.headers]
        recording.exchanges.append(b"\n".join([*asked, *answered, answer.body]))
        client.tell(answer)

    with relay(record) as recording.port:
        yield recording


def as_seen_through(recording: Recording, real: Home, seen: Home) -> Home:
    """Make of `seen` a home whose daemon is that of `real`, on the other side of the proxy."""
    seen.make()
    daemon = json.loads(real.daemon.read_text("utf-8"))
    seen.daemon.write_text(json.dumps({**daemon, "port": recording.port}), "utf-8")
    (seen.root / "keys.json").write_bytes((real.root / "keys.json").read_bytes())
    return seen
