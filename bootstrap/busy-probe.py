#!/usr/bin/env python3
"""EMR bootstrap action: tell those who may end a cluster what is at work on it.

    busy-probe.py BEATS_URI [OPTION...]       such as s3://bucket/selfserve/beats/

Acts on the primary node only, where it installs itself with a systemd timer. Once a
minute the timer asks, on the loopback: YARN for applications, the Trino or Presto
coordinator for queries, Livy for sessions, Jupyter Enterprise Gateway for kernels.

- While queries, Livy or kernels work it touches the file that EMR's auto-termination
  looks at (from EMR 6.4), because it sees YARN alone:
  https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html
- Every five minutes, and when idle turns to busy or back, it writes what it has seen to
  BEATS_URI<cluster id>.json, for `selfserve sweep` and `selfserve status`.

What it decides is in `journalctl -u selfserve-busy-probe`. The installed program knows:

    busy-probe look ...       what the timer runs
    busy-probe at-work ...    prints what is at work, or may be; exit code 0: nothing,
                              10: something, 11: not known. max-age.sh asks this.
    busy-probe claim ...      tells submitters that the cluster is ending; the same codes.

Standard library only, and Python 3.7, the oldest on EMR 6. It reads and never ends anything.
"""

from __future__ import annotations

import argparse
import fnmatch
import http.client
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

Ask = Callable[..., Any]
"""Asks a path and port of this node for JSON, with headers. Raises OSError or ValueError."""
Found = Dict[str, Optional["Seen"]]
"""By the engine's word; None for one that does not answer."""

COMMANDS = ("install", "look", "at-work", "claim")
NOTHING, SOMETHING, UNKNOWN = 0, 10, 11
BEAT_EVERY_S = 300
LEASE_S = 600
BUSY_FILE = "emr/metricscollector/isbusy"
STATE = "var/lib/selfserve/busy-probe.json"
INFO = "mnt/var/lib/info"
PROGRAM = "usr/local/lib/selfserve/busy-probe"
UNIT_FOLDERS = ("etc/systemd/system", "usr/lib/systemd/system")
_OVERDUE_S = 5  # the timer is not exact to the second

UNIT = """\
[Unit]
Description=Tell EMR and selfserve what is at work on this cluster

[Service]
Type=oneshot
ExecStart={program} look @{arguments}
"""
TIMER = """\
[Unit]
Description=Look once a minute what is at work on this cluster

[Timer]
OnCalendar=minutely
AccuracySec=10s

[Install]
WantedBy=timers.target
"""


class Seen(NamedTuple):
    """What one engine tells: how many are at work, and since when its open sessions are idle.

    None for a session that does not tell; the probe then goes by its own looks.
    """

    at_work: int
    idle: Dict[str, Optional[float]]


class Engine(NamedTuple):
    """Something that may be at work without EMR or a look from outside seeing it."""

    called: str
    read: Callable[[Ask, argparse.Namespace], Seen]
    units: List[str]
    """Names of systemd units, one of which is there if it is installed."""


def read_yarn(ask: Ask, options: argparse.Namespace) -> Seen:
    """Applications that wait for containers, or have more of them than their master's own.

    Spark shells, Livy sessions and Tez sessions stay open with that one alone. MapReduce has
    no sessions: its master is at work for as long as it is there.
    """
    states = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
    answer = ask("/ws/v1/cluster/apps?states=" + states, options.yarn_port)
    applications = (answer["apps"] or {}).get("app", [])
    at_work = [
        application
        for application in applications
        if application["state"] != "RUNNING"
        or application["runningContainers"] > 1
        or application.get("applicationType") == "MAPREDUCE"
    ]
    return Seen(len(at_work), {})


def read_queries(ask: Ask, options: argparse.Namespace) -> Seen:
    """Queries that are neither finished nor failed; the words are the same in Trino and Presto."""
    try:
        queries = ask("/v1/query", options.query_port, {"X-Trino-User": "selfserve"})
    except urllib.error.HTTPError:  # each refuses to be asked as the other
        queries = ask("/v1/query", options.query_port, {"X-Presto-User": "selfserve"})
    return Seen(sum(query["state"] not in {"FINISHED", "FAILED"} for query in queries), {})


def read_livy(ask: Ask, options: argparse.Namespace) -> Seen:
    """Sessions and batches that are neither idle nor over."""
    over = {"dead", "error", "killed", "success"}
    sessions = [s for s in _livy_pages(ask, "/sessions", options) if s["state"] not in over]
    batches = [b for b in _livy_pages(ask, "/batches", options) if b["state"] not in over]
    idle: Dict[str, Optional[float]] = {
        str(s["id"]): None for s in sessions if s["state"] == "idle"
    }
    return Seen(len(sessions) - len(idle) + len(batches), idle)


def _livy_pages(ask: Ask, path: str, options: argparse.Namespace) -> Iterator[Dict[str, Any]]:
    start = 0
    while True:
        page = ask(f"{path}?from={start}&size=100", options.livy_port)
        yield from page["sessions"]
        start += len(page["sessions"])
        if not page["sessions"] or start >= page["total"]:
            return


def read_kernels(ask: Ask, options: argparse.Namespace) -> Seen:
    """Kernels that are neither idle nor dead."""
    kernels = [
        k for k in ask("/api/kernels", options.notebook_port) if k["execution_state"] != "dead"
    ]
    idle: Dict[str, Optional[float]] = {
        k["id"]: _epoch(k["last_activity"]) for k in kernels if k["execution_state"] == "idle"
    }
    return Seen(len(kernels) - len(idle), idle)


ENGINES = {
    "yarn": Engine("YARN application", read_yarn, ["*yarn-resourcemanager.service"]),
    "queries": Engine("query", read_queries, ["*trino-server.service", "*presto-server.service"]),
    "livy": Engine("Livy session or batch", read_livy, ["*livy-server.service"]),
    "notebook": Engine("notebook kernel", read_kernels, ["*enterprise?gateway.service"]),
}
"""By the words of `selfserve.core.beat`."""
UNSEEN_NOTEBOOKS = ["*zeppelin*.service", "*jupyterhub*.service"]
"""What has kernels that cannot be asked for without a password."""


def _epoch(text: str) -> float:
    """Seconds of Jupyter's time stamps, in UTC and with or without fractions."""
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.strptime(text, form).replace(tzinfo=timezone.utc).timestamp()


def _stamp(epoch: Optional[float]) -> Optional[str]:
    if epoch is None:
        return None
    return datetime.fromtimestamp(int(epoch), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_ask(options: argparse.Namespace) -> Ask:
    """Return what asks this node."""
    # Straight to the loopback, whatever proxy the node is told to use.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask_host(host: str, path: str, port: int, headers: Dict[str, str]) -> Any:
        request = urllib.request.Request(f"http://{host}:{port}{path}", headers=headers)
        with opener.open(request, timeout=options.timeout) as answer:
            return json.loads(answer.read().decode("utf-8"))

    def ask(path: str, port: int, headers: Optional[Dict[str, str]] = None) -> Any:
        try:
            return ask_host("localhost", path, port, headers or {})
        except urllib.error.HTTPError:
            raise
        except OSError:  # some listen on the node's own name only
            return ask_host(socket.getfqdn(), path, port, headers or {})

    return ask


class State:
    """What the probe remembers from one look to the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept: Dict[str, Any] = {}
        try:
            kept = dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
        except (OSError, ValueError, TypeError) as error:
            print(f"nothing is known of earlier looks: {error}")
        self.answered: List[str] = kept.get("answered", [])
        self.last_at_work: Optional[float] = kept.get("last_at_work")
        self.idle_since: Dict[str, float] = kept.get("idle_since", {})
        self.written: float = kept.get("written", 0)
        self.written_mood: Optional[str] = kept.get("written_mood")

    def save(self) -> None:
        """Keep it, whole or not at all."""
        fields = {key: value for key, value in vars(self).items() if not key.startswith("_")}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(fields), encoding="utf-8")
        draft.replace(self._path)


def see(options: argparse.Namespace, answered: List[str]) -> Found:
    """Every engine that is installed or has ever answered; None for one that does not answer."""
    ask = make_ask(options)
    units = [path.name for folder in UNIT_FOLDERS for path in (options.root / folder).glob("*")]
    found: Found = {}
    for word, engine in ENGINES.items():
        try:
            found[word] = engine.read(ask, options)
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:  # noqa: PERF203
            if word in answered or _has(units, engine.units) or not _is_absent(error):
                print(f"no answer about {word}: {error!r}")
                found[word] = None
    kernels = found.get("notebook")
    if _has(units, UNSEEN_NOTEBOOKS) and (kernels is None or not kernels.at_work):
        found["notebook"] = None
    return found


def _is_absent(error: Exception) -> bool:
    """Whether nothing listens there; what is slow, or wants a password, does."""
    reason = getattr(error, "reason", error)
    return isinstance(reason, (ConnectionRefusedError, socket.gaierror))


def _has(names: List[str], patterns: List[str]) -> bool:
    return any(fnmatch.filter(names, pattern) for pattern in patterns)


def look(options: argparse.Namespace) -> int:
    """Look, touch EMR's file while something works that it cannot see, and tell others."""
    now = time.time()
    state = State(options.root / STATE)
    found = see(options, state.answered)
    busy_file = options.root / BUSY_FILE
    if any(seen is not None and seen.at_work for word, seen in found.items() if word != "yarn"):
        busy_file.parent.mkdir(parents=True, exist_ok=True)
        busy_file.touch()
    _remember(state, found, now)
    if busy_file.exists():  # others may touch it too, to say that they are at work
        state.last_at_work = max(state.last_at_work or 0, busy_file.stat().st_mtime)
    state.save()
    mood = _mood(found)
    if now - state.written < BEAT_EVERY_S - _OVERDUE_S and mood == state.written_mood:
        return 0
    if not write_beat(options, to_beat(found, state, now)):
        return 1
    state.written, state.written_mood = now, mood
    state.save()
    return 0


def _remember(state: State, found: Found, now: float) -> None:
    state.answered = sorted(
        {*state.answered, *(word for word, seen in found.items() if seen is not None)}
    )
    if _mood(found) == "busy":
        state.last_at_work = now
    idle: Dict[str, float] = {}
    for word, seen in found.items():
        if seen is None:  # its sessions are as they were, for all that is known
            prefix = word + ":"
            idle.update({k: v for k, v in state.idle_since.items() if k.startswith(prefix)})
            continue
        for session, since in seen.idle.items():
            key = f"{word}:{session}"
            idle[key] = since if since is not None else state.idle_since.get(key, now)
    state.idle_since = idle


def _mood(found: Found) -> str:
    if any(seen is not None and seen.at_work for seen in found.values()):
        return "busy"
    return "idle" if found and None not in found.values() else "unknown"


def to_beat(found: Found, state: State, now: float) -> Dict[str, Any]:
    """What `selfserve.core.beat.parse_beat` reads."""
    return {
        "time": _stamp(now),
        "at_work": {word: None if seen is None else seen.at_work for word, seen in found.items()},
        "sessions": [
            {"engine": key.partition(":")[0], "idle_since": _stamp(since)}
            for key, since in state.idle_since.items()
        ],
        "last_at_work": _stamp(state.last_at_work),
    }


def write_beat(options: argparse.Namespace, beat: Dict[str, Any]) -> bool:
    """Store it in S3; False, with the reason printed, if that did not work."""
    try:
        uri = options.beats + _cluster_id(options) + ".json"
        command = ["aws", "s3", "cp", "--only-show-errors", "-", uri]
        subprocess.run(command, input=json.dumps(beat).encode("utf-8"), check=True, timeout=50)
    except (OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
        print(f"the beat could not be written: {error}")
        return False
    print(f"wrote {uri}: {json.dumps(beat['at_work'])}")
    return True


class Lease(NamedTuple):
    """The cluster's lease, as `selfserve.core.lease` has it, and its object's version."""

    document: Dict[str, Any]
    etag: Optional[str]
    """None if nobody has ever taken it."""

    def is_held(self) -> bool:
        """Whether a run is being submitted, or a sweep is ending the cluster."""
        ending = self.document["ending"]
        others = [ending] if ending and ending["sweep_id"] != "max-age" else []
        taken = [datetime.fromisoformat(one["since"]) for one in self.document["holds"] + others]
        return any(time.time() - since.timestamp() < LEASE_S for since in taken)


def read_lease(options: argparse.Namespace) -> Lease:
    """Raises OSError, ValueError, LookupError or TypeError if it cannot be told."""
    with tempfile.NamedTemporaryFile() as body:
        done = _s3api("get-object", options, body.name, "--query", "ETag", "--output", "text")
        if done.returncode != 0 and b"NoSuchKey" in done.stderr:
            return Lease({"fence": 0, "holds": [], "ending": None}, None)
        if done.returncode != 0:
            raise OSError(done.stderr.decode("utf-8", "replace").strip())
        return Lease(json.load(body), done.stdout.decode("ascii").strip())


def claim(options: argparse.Namespace) -> int:
    """Tell submitters that the cluster is ending, unless one of them was faster."""
    if not options.leases:
        return NOTHING
    try:
        lease = read_lease(options)
        if lease.is_held():
            print("at work: a run being submitted, or a sweep")
            return SOMETHING
        since = datetime.now(timezone.utc).isoformat()
        document = {
            "fence": lease.document["fence"] + 1,
            "by": "max-age-" + since,  # no two writes are alike
            "holds": [],
            "ending": {"sweep_id": "max-age", "since": since},
        }
        condition = ["--if-match", lease.etag] if lease.etag else ["--if-none-match", "*"]
        with tempfile.NamedTemporaryFile() as body:
            body.write(json.dumps(document).encode("utf-8"))
            body.flush()
            done = _s3api("put-object", options, "--body", body.name, *condition)
    except (OSError, ValueError, LookupError, TypeError, subprocess.SubprocessError) as error:
        print(f"its lease cannot be taken: {error}")
        return UNKNOWN
    if b"Unknown options" in done.stderr:  # an AWS CLI from before conditional writes
        print("this AWS CLI cannot take a lease: going by what is read")
        return NOTHING
    if done.returncode != 0:
        print("its lease was not to be had: " + done.stderr.decode("utf-8", "replace").strip())
    return NOTHING if done.returncode == 0 else UNKNOWN


def _s3api(
    command: str, options: argparse.Namespace, *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    bucket, _, prefix = options.leases[len("s3://") :].partition("/")
    key = prefix + _cluster_id(options) + ".json"
    return subprocess.run(
        ["aws", "s3api", command, "--bucket", bucket, "--key", key, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        timeout=50,
    )


def _cluster_id(options: argparse.Namespace) -> str:
    job_flow = (options.root / INFO / "job-flow.json").read_text(encoding="utf-8")
    return str(json.loads(job_flow)["jobFlowId"])


def at_work(options: argparse.Namespace) -> int:
    """Print what is at work, or may be. Changes nothing."""
    found = see(options, State(options.root / STATE).answered)
    if not found:
        print("not known: no engine answers")
        return UNKNOWN
    words = {word: engine.called for word, engine in ENGINES.items()}
    if options.leases:
        words["submitting"] = "run being submitted, or sweep"
        try:
            found["submitting"] = Seen(int(read_lease(options).is_held()), {})
        except (OSError, ValueError, LookupError, TypeError, subprocess.SubprocessError) as error:
            print(f"its lease cannot be read: {error}")
            found["submitting"] = None
    busy = {word: seen.at_work for word, seen in found.items() if seen is not None and seen.at_work}
    unknown = [word for word, seen in found.items() if seen is None]
    for word, number in busy.items():
        print(f"at work: {number} x {words[word]}")
    for word in unknown:
        print(f"not known: {words[word]}")
    if busy:
        return SOMETHING
    return UNKNOWN if unknown else NOTHING


def install(options: argparse.Namespace, arguments: List[str]) -> int:
    """Copy this file, keep its arguments for both commands, and start the timer."""
    instance = (options.root / INFO / "instance.json").read_text(encoding="utf-8")
    if not json.loads(instance).get("isMaster"):
        print("not the primary node: nothing to do")
        return 0
    program = options.root / PROGRAM
    kept = Path(str(program) + ".args")  # argparse reads one argument a line
    unit = options.root / UNIT_FOLDERS[0] / "selfserve-busy-probe.service"
    _sudo("install", "-D", "-m", "0755", str(Path(__file__).resolve()), str(program))
    _sudo("tee", str(kept), text="".join(argument + "\n" for argument in arguments))
    _sudo("tee", str(unit), text=UNIT.format(program=program, arguments=kept))
    _sudo("tee", str(unit.with_suffix(".timer")), text=TIMER)
    _sudo("systemctl", "daemon-reload")
    _sudo("systemctl", "enable", "--now", "selfserve-busy-probe.timer")
    return 0


def _sudo(*command: str, text: str = "") -> None:
    subprocess.run(
        ["sudo", *command], input=text.encode("utf-8"), stdout=subprocess.DEVNULL, check=True
    )


def parse(arguments: List[str]) -> argparse.Namespace:
    """Read the command line; ends the process with 2 and the usage if it makes no sense."""
    parser = argparse.ArgumentParser(
        "busy-probe.py", usage="%(prog)s BEATS_URI [OPTION...]", fromfile_prefix_chars="@"
    )
    parser.add_argument("beats", metavar="BEATS_URI", help="where beats go; ends with a slash")
    parser.add_argument("--leases", help="where submitters' leases are; ends with a slash")
    parser.add_argument("--yarn-port", type=int, default=8088)
    parser.add_argument("--query-port", type=int, default=8889, help="of Trino or Presto")
    parser.add_argument("--livy-port", type=int, default=8998)
    parser.add_argument("--notebook-port", type=int, default=9547)
    parser.add_argument("--timeout", type=float, default=10, help="seconds for one answer")
    parser.add_argument("--root", type=Path, default=Path("/"), help="for tests: stands for /")
    options = parser.parse_args(arguments)
    if not re.match(r"s3://[^/]+/(.*/)?$", options.beats):
        parser.error("BEATS_URI must begin with s3:// and end with a slash")
    return options


def main(arguments: List[str]) -> int:
    """Do what the first argument says; a bootstrap action has only those of its own."""
    command = arguments.pop(0) if arguments[:1] and arguments[0] in COMMANDS else "install"
    options = parse(arguments)
    if command == "look":
        return look(options)
    if command == "at-work":
        return at_work(options)
    if command == "claim":
        return claim(options)
    return install(options, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
