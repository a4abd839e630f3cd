"""Stands in for session-manager-plugin and ssh: a program that forwards a port, or fails to.

It takes the arguments that the real ones take, writes down what it was given, and obeys
FORWARDER_TARGET (the port it leads to), FORWARDER_NOTES (a folder), FORWARDER_SAYS (last
words; then it fails), FORWARDER_DEAF (SIGTERM is ignored) and FORWARDER_VERSION.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"


def local_port(arguments: list[str]) -> int:
    """Which port the real program would listen on."""
    if "-L" in arguments:
        host, port, _, _ = arguments[arguments.index("-L") + 1].split(":")
        if host != "127.0.0.1":
            raise ValueError(f"{host} is open to others")
        return int(port)
    response, region, operation, _profile, request, endpoint = arguments
    session = json.loads(os.environ[response] if response == VARIABLE else response)
    if set(session) != {"SessionId", "TokenValue", "StreamUrl"} or operation != "StartSession":
        raise ValueError(f"no session for {operation} in {region} at {endpoint}")
    return int(json.loads(request)["Parameters"]["localPortNumber"][0])


def say(text: str) -> None:
    """To whoever started it, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def carry(source: socket.socket, target: socket.socket) -> None:
    """Copy what comes, until one end closes."""
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        target.close()


def main() -> int:
    """What the real program does, as far as its caller can tell."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        say(os.environ.get("FORWARDER_VERSION", "1.2.764.0"))
        return 0
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    notes = {
        "arguments": arguments, "response": os.environ.get(VARIABLE), "pid": os.getpid(),
        "child": child.pid, "group": os.getpgid(0),
    }  # fmt: skip
    Path(os.environ["FORWARDER_NOTES"], "notes.json").write_text(json.dumps(notes))
    if os.environ.get("FORWARDER_DEAF"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if said := os.environ.get("FORWARDER_SAYS"):
        say(said)
        child.kill()
        return 255
    with socket.create_server(("127.0.0.1", local_port(arguments))) as server:
        say("Starting session with SessionId: ada-0123")
        while True:
            near, _ = server.accept()
            far = socket.create_connection(("127.0.0.1", int(os.environ["FORWARDER_TARGET"])))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=carry, args=ends, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
