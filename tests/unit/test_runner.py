"""The runner, on real processes and a folder in place of S3. No Spark."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from selfserve.runner import driver, output
from selfserve.runner.output import Stream, object_name
from selfserve.runner.storage import Storage
from selfserve.usecases.packaging import build_runner

DEADLINE_S = 60.0


class FolderStorage(Storage):
    """A run's prefix as a folder; `fail_next` writes go wrong before one succeeds."""

    def __init__(self, folder: Path, *, fail_next: int = 0) -> None:
        self.folder = folder
        self.fail_next = fail_next
        self.order: list[str] = []
        self.is_closed = False

    def fetch(self, uri: str, path: str) -> None:
        Path(path).write_bytes(Path(uri).read_bytes())

    def write(self, name: str, body: bytes) -> None:
        if self.fail_next:
            self.fail_next -= 1
            raise ConnectionError("S3 is not there")
        target = self.folder / name
        assert not target.exists(), f"{name} is written twice"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
        self.order.append(name)

    def exists(self, name: str) -> bool:
        return (self.folder / name).exists()

    def names(self, folder: str) -> list[str]:
        return [path.name for path in (self.folder / folder).glob("*")]

    def application_id(self) -> str | None:
        return "app-1"

    def versions(self) -> dict[str, str]:
        return {"python": "3.x"}

    def close(self) -> None:
        self.is_closed = True

    def output(self, stream: str) -> str:
        parts = sorted((self.folder / stream).glob("*"))
        return b"".join(part.read_bytes() for part in parts).decode()

    def result(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "result.json").read_text()))


@pytest.fixture
def entry(tmp_path: Path) -> str:
    """The runner as it is shipped: one file that Python can start."""
    path = tmp_path / "driver.py"
    path.write_bytes(build_runner().body)
    return str(path)


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "run")


def run(storage: FolderStorage, entry: str, source: str, *args: str) -> int:
    job = Path(entry).parent / "job.py"
    job.write_text(source, encoding="utf-8")
    argv = ["--run", "run/", "--job", str(job), "--", *args]
    return driver.main(argv, entry, lambda _: storage)


def test_a_job_runs_as_main_with_its_own_arguments(storage: FolderStorage, entry: str) -> None:
    source = "import sys, __main__\nprint(__name__, sys.argv[1:], __main__.__file__ == __file__)"

    code = run(storage, entry, source, "--", "a b", "--job", "x")

    assert code == 0
    assert storage.output("stdout") == "__main__ ['--', 'a b', '--job', 'x'] True\n"
    assert storage.result()["exit_code"] == 0
    assert storage.result()["exception"] is None
    assert storage.result()["application_id"] == "app-1"
    assert storage.order[-1] == "result.json"
    assert storage.is_closed


def test_objects_pickled_by_the_job_are_found_again(storage: FolderStorage, entry: str) -> None:
    source = "import pickle\nclass Film: pass\nprint(type(pickle.loads(pickle.dumps(Film()))))"

    code = run(storage, entry, source)

    assert code == 0
    assert "__main__.Film" in storage.output("stdout")


def test_the_jobs_folder_and_not_the_runner_is_on_its_path(
    storage: FolderStorage, entry: str
) -> None:
    source = (
        "import sys, os\nprint(sys.path[0] == os.path.dirname(__file__), sys.argv[0] == __file__)"
    )

    run(storage, entry, source)

    assert storage.output("stdout") == "True True\n"


def test_an_exception_is_recorded_with_the_users_frames_only(
    storage: FolderStorage, entry: str
) -> None:
    source = "def fail():\n    raise KeyError('no film ü')\nfail()"

    code = run(storage, entry, source)

    result = storage.result()
    assert code == 1
    assert result["exit_code"] == 1
    assert result["exception"]["type"] == "KeyError"
    assert result["exception"]["message"] == "'no film ü'"
    for text in (result["exception"]["traceback"], storage.output("stderr")):
        assert "job.py" in text
        assert "KeyError: 'no film ü'" in text
        assert "selfserve_runner" not in text


def test_a_syntax_error_is_the_jobs(storage: FolderStorage, entry: str) -> None:
    code = run(storage, entry, "print('a'\n")

    assert code == 1
    assert storage.result()["exception"]["type"] == "SyntaxError"
    assert "selfserve_runner" not in storage.output("stderr")


@pytest.mark.parametrize(
    ("ending", "code", "stderr"),
    [
        pytest.param("sys.exit()", 0, "", id="none"),
        pytest.param("sys.exit(3)", 3, "", id="number"),
        pytest.param("sys.exit('no ratings')", 1, "no ratings\n", id="text"),
        pytest.param("os._exit(7)", 7, "", id="at-once"),
    ],
)
def test_the_exit_code_is_the_jobs(
    storage: FolderStorage, entry: str, ending: str, code: int, stderr: str
) -> None:
    seen = run(storage, entry, f"import os, sys\nprint('before')\n{ending}")

    assert seen == code
    assert storage.result()["exit_code"] == code
    assert storage.output("stdout") == "before\n"
    assert storage.output("stderr") == stderr


def test_a_job_killed_by_a_signal_leaves_its_output_and_the_signals_name(
    storage: FolderStorage, entry: str
) -> None:
    code = run(storage, entry, "import os\nprint('before')\nos.kill(os.getpid(), 9)")

    assert code == 137
    assert storage.result()["signal"] == "SIGKILL"
    assert storage.result()["exit_code"] == 137
    assert storage.output("stdout") == "before\n"


def test_output_of_every_kind_arrives_complete_and_in_order(
    storage: FolderStorage, entry: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source = """
import os, subprocess, sys
for number in range(20_000):
    print(number)
os.write(1, b"from the descriptor\\n")
subprocess.run(["sh", "-c", "echo from a child; echo error >&2"])
sys.stdout.write("no newline at the end")
"""

    run(storage, entry, source)

    numbers = "".join(f"{number}\n" for number in range(20_000))
    expected = f"{numbers}from the descriptor\nfrom a child\nno newline at the end"
    assert storage.output("stdout") == expected
    assert storage.output("stderr") == "error\n"
    copied = capfd.readouterr()
    assert copied.out == expected
    assert copied.err == "error\n"


def test_output_is_there_while_the_job_runs(storage: FolderStorage, entry: str) -> None:
    go = Path(entry).parent / "go"
    source = (
        f"import os, time\nprint('first')\nwhile not os.path.exists({str(go)!r}): time.sleep(.05)"
    )
    running = threading.Thread(target=_run_off_main, args=(storage, entry, source))
    running.start()
    try:
        _wait_until(lambda: "first" in storage.output("stdout"))
        assert not storage.exists("result.json")
    finally:
        go.touch()
        running.join(DEADLINE_S)
    assert storage.result()["exit_code"] == 0


def test_output_survives_a_while_without_s3(entry: str, tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "run", fail_next=2)

    run(storage, entry, "import time\nfor n in range(5): print(n); time.sleep(.5)")

    assert storage.output("stdout") == "0\n1\n2\n3\n4\n"
    assert storage.result()["output_lost"] is False


def test_a_second_attempt_writes_after_the_first(storage: FolderStorage, entry: str) -> None:
    storage.write("stdout/000007", b"first attempt\n")

    run(storage, entry, "print('second attempt')")

    assert storage.output("stdout") == "first attempt\nsecond attempt\n"


def test_a_process_that_outlives_the_job_does_not_hold_it_up(
    storage: FolderStorage, entry: str
) -> None:
    source = "import subprocess\nprint(subprocess.Popen(['sleep', '300']).pid)"
    started = time.monotonic()

    run(storage, entry, source)

    os.kill(int(storage.output("stdout")), signal.SIGKILL)
    assert time.monotonic() - started < DEADLINE_S


def test_the_cancel_marker_ends_the_job(
    storage: FolderStorage, entry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "LOOK_FOR_CANCEL_EVERY_S", 0.0)
    storage.write("cancel", b"")

    code = run(storage, entry, "import time\ntime.sleep(300)")

    assert code == 143
    assert storage.result()["signal"] == "SIGTERM"


def test_sigterm_lets_the_job_clean_up_and_is_recorded(tmp_path: Path, entry: str) -> None:
    source = """
import signal, sys, time
def stop(*_):
    print("cleaned up")
    sys.exit(9)
signal.signal(signal.SIGTERM, stop)
print("ready")
while True: time.sleep(.1)
"""
    job = tmp_path / "job.py"
    job.write_text(source, encoding="utf-8")
    supervisor = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
from pathlib import Path
from selfserve.runner import driver, output
from test_runner import FolderStorage
storage = FolderStorage(Path({str(tmp_path / "run")!r}))
argv = ["--run", "run/", "--job", {str(job)!r}]
sys.exit(driver.main(argv, {entry!r}, lambda _: storage))
"""
    storage = FolderStorage(tmp_path / "run")
    with subprocess.Popen([sys.executable, "-c", supervisor], stdout=subprocess.DEVNULL) as process:
        _wait_until(lambda: "ready" in storage.output("stdout"))

        process.send_signal(signal.SIGTERM)

        assert process.wait(DEADLINE_S) == 9
    assert storage.output("stdout") == "ready\ncleaned up\n"
    assert storage.result()["exit_code"] == 9


def test_object_names_sort_in_the_order_of_writing() -> None:
    numbers = [1, 2, 9, 10, 999_999, 1_000_000, 1_000_001, 23_000_000]

    names = [object_name(number) for number in numbers]

    assert names[0] == "000001"
    assert names == sorted(names)


def test_a_stream_that_gave_up_takes_on_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "BACKLOG_LIMIT", 10)
    with (tmp_path / "copy").open("wb") as copy, Path(os.devnull).open("rb") as nothing:
        stream = Stream("stdout", nothing, copy.fileno())
        stream.take(b"more than fits")
        stream.give_up()

        stream.take(b", and more")

    assert stream.is_lossy
    assert (tmp_path / "copy").read_bytes() == b"more than fits, and more"


def _run_off_main(storage: FolderStorage, entry: str, source: str) -> None:
    """Signals can be handled in the main thread only, so here they are not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signal.signal", lambda *_: None)
        run(storage, entry, source)


def _wait_until(is_true: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
