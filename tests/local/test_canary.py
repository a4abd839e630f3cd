"""A secret goes where it is meant to, and nowhere else.

Two markers are planted: one wherever a user keeps secrets on their own machine,
one in S3, as the secret of a job that does all that jobs do wrong with one. Then
everything that has been written, sent, printed or listed is searched for both.
"""

import base64
import gzip
import hashlib
import io
import secrets
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from homes import Laptop
from local.recording_proxy import Recording, as_seen_through, recording_proxy
from local.submitting import JOB_FAILED, ON_CLUSTER, lay_out, run_id_of, spark_cluster
from selfserve.local.endpoint import BUCKET
from selfserve.local.home import Home

pytestmark = pytest.mark.spark

LOOK_S = 0.2
SECRET_KEY = "secrets/token"
VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "DATABASE_URL",
    "GITHUB_TOKEN",
    "HADOOP_CREDSTORE_PASSWORD",
    "PYSPARK_SECRET",
    "SELFSERVE_X",
    "SPARK_PASSWORD",
)
JOB = """
import base64, hashlib, os, sys
from pyspark.sql import SparkSession

wanted, forbidden = sys.argv[1], sys.argv[2:]
token = os.environ["TOKEN"]
assert hashlib.sha256(token.encode()).hexdigest() == wanted
context = SparkSession.builder.appName("canary").getOrCreate().sparkContext

def variables(_):
    return [name + "=" + value for name, value in os.environ.items()]

on_executors = context.range(2, numSlices=2).flatMap(variables).collect()
for line in (*variables(None), *on_executors):
    print(line)
names = {line.partition("=")[0] for line in on_executors} | set(os.environ)
assert "SPARK_HOME" in names
leaked = names.intersection(forbidden) - {"AWS_SECRET_ACCESS_KEY"}
assert not leaked, leaked
print("it is", token)
print("it is", repr(token), base64.b64encode(token.encode()).decode(), file=sys.stderr)
raise RuntimeError("the database does not take " + token)
"""


@dataclass(frozen=True)
class Markers:
    """What is searched for."""

    planted: str = field(default_factory=lambda: f"canary-{secrets.token_hex(12)}")
    """Wherever users keep secrets that are none of the job's business."""
    secret: str = field(default_factory=lambda: f"canary/{secrets.token_hex(12)}+")
    """The job's own."""

    def found_in(self, text: bytes) -> bool:
        """Whether one of them stands there, plainly or in base64."""
        raw = (self.planted.encode(), self.secret.encode())
        return any(form in text for form in (*raw, *map(base64.b64encode, raw)))


@dataclass
class CommandLines:
    """Those of all processes of the machine, looked at again and again."""

    seen: set[str] = field(default_factory=set)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the block runs."""
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(LOOK_S):
                self.seen.update(command_lines())

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


@dataclass(frozen=True)
class Scene:
    """A submission under observation."""

    laptop: Laptop
    real: Home
    markers: Markers
    recording: Recording
    commands: CommandLines


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    markers = Markers()
    environment = dict.fromkeys(VARIABLES, markers.planted)
    with spark_cluster(tmp_path / "local", environment) as laptop:
        secret = laptop.path_of(SECRET_KEY)
        secret.write_text(f"{markers.secret}\n", encoding="utf-8")
        port = laptop.home.read_daemon().port  # type: ignore[union-attr]  # it has been started
        with recording_proxy(port) as recording:
            seen = as_seen_through(recording, laptop.home, Home(tmp_path / "seen"))
            proxied = replace(laptop, home=seen)
            yield Scene(proxied, laptop.home, markers, recording, CommandLines())


def test_secrets_are_nowhere_but_where_they_are_meant_to_be(scene: Scene, tmp_path: Path) -> None:
    laptop, markers = scene.laptop, scene.markers
    folder = plant(tmp_path, markers.planted)
    secret = f"TOKEN=s3://{BUCKET}/{SECRET_KEY}"
    digest = hashlib.sha256(markers.secret.encode()).hexdigest()
    submit = ("submit", str(folder), *ON_CLUSTER, "--secret", secret)

    with scene.commands.watched():
        listed = laptop.run(*submit, "--dry-run")
        done = laptop.run(*submit, "--", digest, *VARIABLES)
    run_id = run_id_of(done)
    asked = [
        laptop.run(*question, *form)
        for question in (("result", run_id), ("why", run_id), ("logs", run_id), ("runs",))
        for form in ((), ("-o", "json"))
    ]

    assert listed.returncode == 0, listed.stderr
    assert done.returncode == JOB_FAILED
    assert "it is ***\n" in done.stdout, done.stderr
    assert "TOKEN=***\n" in done.stdout
    assert "RuntimeError: the database does not take ***" in done.stderr
    said = [text for command in (listed, done, *asked) for text in (command.stdout, command.stderr)]
    assert not markers.found_in("\n".join(said).encode())
    assert_not_in_processes(scene, run_id)
    assert_not_in_requests(scene, run_id)
    assert_not_in_files(scene, run_id)


def plant(tmp_path: Path, marker: str) -> Path:
    """A job's folder, with the first marker in all that is never shipped."""
    folder = lay_out(
        tmp_path / "job",
        {
            "__main__.py": JOB,
            "data/table.csv": "shipped",
            ".env": f"PASSWORD={marker}",
            ".env.local": f"PASSWORD={marker}",
            ".git/config": f"[remote]\nurl = https://user:{marker}@example.com/",
            ".git/HEAD": "ref: refs/heads/main\n",
            ".aws/credentials": f"[default]\naws_secret_access_key = {marker}",
            ".netrc": f"machine example.com password {marker}",
            ".ssh/id_ed25519": marker,
            "certificates/server.pem": marker,
            "venv/pyvenv.cfg": "home = /usr/bin",
            "venv/lib/site.py": f"PASSWORD = '{marker}'",
            "__pycache__/old.cpython-311.pyc": marker,
        },
    )
    outside = lay_out(tmp_path / "outside", {"notes.txt": marker})
    (folder / "link.txt").symlink_to(outside / "notes.txt")
    (folder / "linked").symlink_to(outside)
    return folder


def assert_not_in_processes(scene: Scene, run_id: str) -> None:
    lines = scene.commands.seen
    assert any("SparkSubmit" in line and run_id in line for line in lines)
    assert any("selfserve" in line and "--secret" in line for line in lines)
    assert not [line for line in lines if scene.markers.found_in(line.encode())]


def assert_not_in_requests(scene: Scene, run_id: str) -> None:
    exchanges = scene.recording.exchanges
    assert any(b"ElasticMapReduce.AddJobFlowSteps" in text for text in exchanges)
    assert any(f"{run_id}/submission.json".encode() in text for text in exchanges)
    assert not [text[:300] for text in exchanges if scene.markers.found_in(text)]


def assert_not_in_files(scene: Scene, run_id: str) -> None:
    """In no object, log or record, nor in anything else that the local target has written."""
    secret = scene.real.lake / BUCKET / SECRET_KEY
    found = [path for path in scene.real.root.rglob("*") if path.is_file() and path != secret]
    names = {str(path.relative_to(scene.real.root)) for path in found}
    assert any(name.endswith(f"{run_id}/result.json") for name in names)
    assert any("/packages/" in name for name in names)
    assert {"state.db", "daemon.log"} <= names
    contents = [(path, text) for path in found for text in texts_of(path)]
    assert any(b"shipped" in text and "/packages/" in str(path) for path, text in contents)
    assert not [path for path, text in contents if scene.markers.found_in(text)]


def texts_of(path: Path) -> list[bytes]:
    """What a file holds, unpacked if it is packed."""
    body = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return [body, *(archive.read(name) for name in archive.namelist())]
    if body[:2] != b"\x1f\x8b":
        return [body]
    unpacked = gzip.decompress(body)
    if not path.name.endswith(".tar.gz"):
        return [unpacked]
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as packed:
        return [str(packed.getnames()).encode(), unpacked]


def command_lines() -> set[str]:
    """Those of all processes now."""
    return {" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])}
