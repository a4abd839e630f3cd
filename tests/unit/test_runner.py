"""The runner runs a job as Python itself would: real processes, a folder in place of S3."""

import subprocess
import sys
from pathlib import Path

import pytest

from runner_bench import PYTHONS, Bench, Job

EVERY_PYTHON = pytest.mark.parametrize("python", PYTHONS)

# What a program can see of how it was started, as one dictionary.
LOOK = """
import json, os, pickle, sys
class Film: pass
main = sys.modules["__main__"]
print(json.dumps({
    "name": __name__, "argv": sys.argv[1:], "argv0": os.path.basename(sys.argv[0]),
    "is_main": main.__dict__ is globals(),
    "file": os.path.relpath(__file__, ROOT), "path0": os.path.relpath(sys.path[0], ROOT),
    "package": __package__, "spec": __spec__ and __spec__.name,
    "loader": type(__loader__).__name__, "builtins": type(__builtins__).__name__,
    "pickled": type(pickle.loads(pickle.dumps(Film()))).__module__,
}))
"""
ARGUMENTS = ["a b", "--run", "--", "", "comma,quote\"'", "new\nline", "ünïcødé ☃", "$HOME `x`"]


@pytest.fixture
def bench(tmp_path: Path, python: str) -> Bench:
    return Bench(tmp_path, python)


@pytest.mark.parametrize(
    ("kind", "target", "file"),
    [
        pytest.param("path", "job.py", "job.py", id="file"),
        pytest.param("path", "a/job.py", "a/job.py", id="file-in-folder"),
        pytest.param("path", "app", "app/__main__.py", id="folder"),
        pytest.param("path", ".", "__main__.py", id="root"),
        pytest.param("module", "app.main", "app/main.py", id="module"),
        pytest.param("module", "app", "app/__main__.py", id="package"),
    ],
)
@EVERY_PYTHON
def test_a_program_sees_what_python_itself_would_show_it(
    bench: Bench, kind: str, target: str, file: str
) -> None:
    root = "os.path.dirname(" * (1 + file.count("/")) + "os.path.abspath(__file__)"
    source = LOOK.replace("ROOT", root + ")" * (1 + file.count("/")))
    files = {file: source} | ({"app/__init__.py": ""} if kind == "module" else {})
    plain = bench.root / "selfserve_code"
    for path, text in files.items():
        (plain / path).parent.mkdir(parents=True, exist_ok=True)
        (plain / path).write_text(text)
    start = ["-m", target] if kind == "module" else [str(plain / target)]
    expected = subprocess.run(
        [bench.python, *start, *ARGUMENTS], cwd=plain, capture_output=True, text=True, check=True
    )

    finished = bench.run(Job(files, kind, target, ARGUMENTS))

    assert finished.code == 0, finished.copied_stderr
    assert finished.copied_stdout == expected.stdout
    assert bench.output("stdout") == expected.stdout


@pytest.mark.parametrize(
    ("returned", "code"), [("None", 0), ("3", 3), ("'no ratings'", 1)], ids=["none", "code", "text"]
)
@EVERY_PYTHON
def test_a_function_runs_as_a_console_script(bench: Bench, returned: str, code: int) -> None:
    source = (
        f"import sys\nclass App:\n  def main():\n    print(sys.argv[1:])\n    return {returned}"
    )
    files = {"shop/__init__.py": "", "shop/cli.py": source}

    finished = bench.run(Job(files, "function", "shop.cli:App.main", ["a b"], name="train"))

    assert finished.code == code
    assert finished.copied_stdout == "['a b']\n"
    assert finished.copied_stderr == ("no ratings\n" if code == 1 else "")


@EVERY_PYTHON
def test_processes_of_multiprocessing_find_the_programs_own_functions(bench: Bench) -> None:
    source = """
import inspect, multiprocessing
def double(number): return 2 * number
def main():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(double, [1, 2, 3]))
    print(inspect.getsource(double), end="")
if __name__ == "__main__":
    main()
"""

    finished = bench.run(source)

    assert finished.copied_stderr == ""
    assert finished.copied_stdout == "[2, 4, 6]\ndef double(number): return 2 * number\n"


@EVERY_PYTHON
def test_dependencies_come_after_the_code_and_before_what_was_on_the_path(bench: Bench) -> None:
    source = "import mine, both, theirs, sys, os\nprint(mine.X, both.X, theirs.X)\n"
    source += "print(os.environ['PYTHONPATH'].split(':')[2:])"
    job = Job(
        {"job.py": source, "mine.py": "X = 'code'", "both.py": "X = 'code'"},
        dependencies={"both.py": "X = 'deps'", "theirs.py": "X = 'deps'"},
    )
    (bench.root / "old").mkdir()
    (bench.root / "old" / "theirs.py").write_text("X = 'old'")

    finished = bench.run(job, PYTHONPATH=f"{bench.root}/old")

    assert finished.copied_stdout == f"code code deps\n['{bench.root}/old']\n"


def test_files_in_the_working_directory_are_found(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (bench.cwd / "shipped.txt").write_text("from --files")

    finished = bench.run("print(open('shipped.txt').read())")

    assert finished.copied_stdout == "from --files\n"


def test_a_job_that_asks_for_input_gets_none_rather_than_waiting(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    finished = bench.run("input('name? ')")

    assert finished.code == 1
    assert bench.result["exception"]["type"] == "EOFError"


@pytest.mark.parametrize("kind", ["path", "module", "function"])
@EVERY_PYTHON
def test_an_exception_is_recorded_with_the_users_frames_only(bench: Bench, kind: str) -> None:
    source = "def fail():\n    raise KeyError('no film ü')\ndef main():\n    fail()\n"
    source += "" if kind == "function" else "main()\n"
    target = {"path": "app/job.py", "module": "app.job", "function": "app.job:main"}[kind]

    finished = bench.run(Job({"app/job.py": source, "app/__init__.py": ""}, kind, target))

    exception = bench.result["exception"]
    assert finished.code == bench.result["exit_code"] == 1
    assert exception["type"] == "KeyError"
    assert exception["message"] == "'no film ü'"
    lines = exception["traceback"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith('  File "app/job.py", line ')
    assert lines[-1] == "KeyError: 'no film ü'"
    assert bench.output("stderr") == finished.copied_stderr == exception["traceback"]
    for ours in ("selfserve", "runpy", "importlib"):
        assert ours not in exception["traceback"]


def test_frames_of_dependencies_are_told_from_the_users(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    job = Job({"job.py": "import lib\nlib.f()"}, dependencies={"lib.py": "def f():\n    1 / 0"})

    bench.run(job)

    text = bench.result["exception"]["traceback"]
    assert 'File "job.py", line 2' in text
    assert 'File "selfserve_deps/lib.py", line 2' in text


@EVERY_PYTHON
def test_a_syntax_error_is_the_jobs(bench: Bench) -> None:
    finished = bench.run("print('a'\n")

    assert finished.code == 1
    assert bench.result["exception"]["type"] == "SyntaxError"
    assert 'File "job.py", line 1' in bench.output("stderr")
    assert "selfserve" not in bench.output("stderr")


@pytest.mark.parametrize(
    ("ending", "code", "stderr"),
    [
        pytest.param("sys.exit()", 0, "", id="none"),
        pytest.param("sys.exit(3)", 3, "", id="number"),
        pytest.param("sys.exit('no ratings')", 1, "no ratings\n", id="text"),
        pytest.param("os._exit(7)", 7, "", id="at-once"),
    ],
)
def test_the_exit_code_is_the_jobs(tmp_path: Path, ending: str, code: int, stderr: str) -> None:
    bench = Bench(tmp_path)

    finished = bench.run(f"import os, sys\nprint('before')\n{ending}")

    assert finished.code == bench.result["exit_code"] == code
    assert bench.output("stdout") == "before\n"
    assert bench.output("stderr") == stderr


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param("sys.stderr = sys.stdout = None", id="none"),
        pytest.param("sys.stderr.close(); sys.stdout.close()", id="closed"),
        pytest.param("os.close(1); os.close(2)", id="descriptors-closed"),
        pytest.param("sys.excepthook = lambda *_: 1 / 0", id="broken-hook"),
    ],
)
def test_what_ended_a_job_is_known_whatever_became_of_its_streams(
    tmp_path: Path, trouble: str
) -> None:
    bench = Bench(tmp_path)

    finished = bench.run(f"import os, sys\n{trouble}\nraise KeyError('no film')")

    assert finished.code != 0
    assert bench.result["exception"]["type"] == "KeyError"


def test_an_error_without_a_text_is_recorded_by_its_type(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    source = (
        "class Odd(Exception):\n    def __str__(self): raise RuntimeError('no text')\nraise Odd"
    )

    bench.run(source)

    assert bench.result["exception"]["type"] == "Odd"


def test_an_error_in_a_forked_process_is_not_the_jobs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    source = "import os, sys\nif os.fork() == 0: 1 / 0\nos.wait()\nsys.exit(4)"

    bench.run(source)

    assert bench.result["exit_code"] == 4
    assert bench.result["exception"] is None
    assert "ZeroDivisionError" in bench.output("stderr")


def test_a_result_tells_what_ran_and_when(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    bench.run("ballast = bytearray(100 << 20)")

    result = bench.result
    assert result["started"] <= result["job_started"] <= result["ended"]
    assert result["application_id"] == "app-1"
    assert result["versions"] == {"python": ".".join(map(str, sys.version_info[:2]))}
    assert 100 << 20 < result["max_rss_bytes"] < 300 << 20
    assert result["exception"] is result["java_exception"] is result["signal"] is None
    assert result["cancelled"] is result["output_lost"] is result["provisional"] is False
    assert (bench.run_folder / "closed").exists()
    assert list((bench.root / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(None, "Cannot read", id="absent"),
        pytest.param("{", "JSONDecodeError", id="no-json"),
        pytest.param("{}", "KeyError: 'program'", id="no-program"),
        pytest.param("[]", "TypeError", id="a-list"),
    ],
)
def test_a_submission_that_says_nothing_is_the_reason(
    tmp_path: Path, text: str | None, why: str
) -> None:
    bench = Bench(tmp_path)
    if text is not None:
        (bench.run_folder / "submission.json").write_text(text)

    with bench.start() as process:
        process.communicate()

    assert process.returncode == bench.result["exit_code"] == 70
    assert bench.result["exception"]["type"] == "selfserve.SubmissionError"
    assert why in bench.result["exception"]["message"]
    assert bench.result["job_started"] is None


@pytest.mark.parametrize(
    ("kind", "target"),
    [("notebook", "a.ipynb"), ("module", "os; x"), ("function", "shop"), ("function", "a:b()")],
)
def test_an_entry_that_python_cannot_start_is_refused(
    tmp_path: Path, kind: str, target: str
) -> None:
    bench = Bench(tmp_path)

    finished = bench.run(Job({"job.py": ""}, kind, target))

    assert finished.code == 70
    assert bench.result["exception"]["type"] == "selfserve.SubmissionError"
