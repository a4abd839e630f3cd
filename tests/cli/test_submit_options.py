"""The command line of `submit`: what reaches the run, what is refused, what a dry run says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fakes import FakeBackend, MemoryStore
from targets import FakeTargets
from wheels import write_wheel

Run = Callable[..., Result]

SECRET = "DB_PASSWORD=arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-a1B2c3"
AWKWARD = [
    "",
    " ",
    "a b",
    "a,b",
    "it's",
    '"quoted"',
    "two\nlines",
    "tab\t",
    "Ünïcödé ✓",
    "--rank",
    "-d",
    "--",
    "--detach",
    "$HOME",
    "`x`",
    "a=b",
    "\\",
    "*.py",
    "@file",
    "#x",
    '{"a": [1, "b"]}',
]


@pytest.fixture
def job(folder: Path) -> str:
    (folder / "train.py").write_text("print('hello')", encoding="utf-8")
    return "train.py"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where archives are made when no target says where."""
    path = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SELFSERVE_CACHE", str(path))
    return path


def objects(targets: FakeTargets) -> dict[str, bytes]:
    assert isinstance(targets.target.store, MemoryStore)
    return targets.target.store.objects


def calls(targets: FakeTargets) -> list[str]:
    assert isinstance(targets.target.backend, FakeBackend)
    return targets.target.backend.calls


def record(targets: FakeTargets, run_id: str) -> Any:  # JSON
    return json.loads(objects(targets)[f"selfserve/runs/{run_id}/submission.json"])


def submitted(run: Run, *args: str) -> str:
    """Submit, return at once, and tell the run's id."""
    done = run("submit", "-d", "-c", "small", *args)
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


def step_of(targets: FakeTargets) -> tuple[str, ...]:
    assert isinstance(targets.target.backend, FakeBackend)
    return targets.target.backend.launched[-1].steps[0].args


def test_arguments_reach_the_run_exactly_as_they_are(
    run: Run, targets: FakeTargets, job: str
) -> None:
    run_id = submitted(run, job, "--", *AWKWARD)

    assert record(targets, run_id)["args"] == AWKWARD
    assert step_of(targets)[-2:] == ("--run", f"s3://memory/selfserve/runs/{run_id}/")


def test_options_of_ours_behind_the_dashes_are_the_jobs(
    run: Run, targets: FakeTargets, job: str
) -> None:
    run_id = submitted(run, job, "--", "--conf", "x", "--dry-run", "-o", "json")

    assert record(targets, run_id)["args"] == ["--conf", "x", "--dry-run", "-o", "json"]


def test_a_job_without_arguments_has_none(run: Run, targets: FakeTargets, job: str) -> None:
    assert record(targets, submitted(run, job))["args"] == []
    assert record(targets, submitted(run, job, "--"))["args"] == []


def test_flags_may_stand_on_either_side_of_the_job_and_be_repeated(
    run: Run, targets: FakeTargets, job: str
) -> None:
    for name in ("a.jar", "b.jar", "c.csv"):
        Path(name).touch()

    submitted(
        run, "--jars", "a.jar", "--executor-memory=8gb", job, "--jars=b.jar", "--files", "c.csv#d",
        "--conf", "spark.x=1 2", "--conf", "spark.y=a=b", "--name", "my name",
    )  # fmt: skip

    args = step_of(targets)
    jars = args[args.index("--jars") + 1].split(",")
    assert [uri.rpartition("/")[2] for uri in jars] == ["a.jar", "b.jar"]
    assert args[args.index("--files") + 1].endswith("/c.csv#d")
    assert args[args.index("--executor-memory") + 1] == "8g"
    assert args[-7:-3] == ("--conf", "spark.x=1 2", "--conf", "spark.y=a=b")
    assert "my name" in args
    for uri in jars:
        assert uri.removeprefix("s3://memory/") in objects(targets)


def test_settings_of_a_properties_file_go_on(run: Run, targets: FakeTargets, job: str) -> None:
    Path("my.conf").write_text("spark.x 1\n", encoding="utf-8")

    submitted(run, job, "--properties-file", "my.conf", "--conf", "spark.x=2")

    args = step_of(targets)
    assert args.index("spark.x=1") < args.index("spark.x=2")


def test_secrets_are_recorded_by_reference_and_stand_in_no_step(
    run: Run, targets: FakeTargets, job: str
) -> None:
    run_id = submitted(run, job, "--secret", SECRET)

    name, _, reference = SECRET.partition("=")
    assert record(targets, run_id)["secrets"] == [{"name": name, "reference": reference}]
    assert reference not in " ".join(step_of(targets))


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        pytest.param((), "No job is named", "selfserve submit job.py", id="no-job"),
        pytest.param(("",), "No job is named", "selfserve submit job.py", id="empty-job"),
        pytest.param(
            ("train.py", "--rank", "10"),
            "no option --rank.",
            "go after --: selfserve submit train.py -- --rank 10",
            id="job-option",
        ),
        pytest.param(
            ("train.py", "--rank=10", "--", "x y"),
            "no option --rank",
            "selfserve submit train.py -- --rank=10 'x y'",
            id="job-option-with-value",
        ),
        pytest.param(
            ("--rank", "10", "train.py"),
            "no option --rank",
            "selfserve submit JOB -- --rank 10 train.py",
            id="job-option-first",
        ),
        pytest.param(
            ("train.py", "--executor-memry", "8g"),
            "no option --executor-memry; did you mean --executor-memory?",
            "go after --",
            id="typo",
        ),
        pytest.param(
            ("train.py", "--driver-memory"),
            "'--driver-memory' requires an argument",
            "selfserve submit --help",
            id="no-value",
        ),
        pytest.param(
            ("train.py", "DAY=1"),
            "'DAY=1' is neither an option",
            "Write: selfserve submit train.py -- DAY=1",
            id="no-dashes",
        ),
        pytest.param(
            ("train.py", "--master", "yarn"), "not take --master", "--cluster NAME", id="master"
        ),
        pytest.param(
            ("train.py", "-c", "spark.x=1"), "-c is short for", "--conf spark.x=1", id="c-conf"
        ),
        pytest.param(
            ("train.py", "--num-executors", "-3"), "'-3' is not a whole number", "4", id="count"
        ),
        pytest.param(
            ("train.py", "--driver-memory", "lots"), "'lots' is no amount", "4g", id="memory"
        ),
        pytest.param(
            ("train.py", "--jars", "no.jar"), "--jars: there is no file no.jar", "ls", id="jar"
        ),
        pytest.param(
            ("train.py", "--class", "Main"), "--class is for .jar jobs", "without", id="class"
        ),
        pytest.param(
            ("train.py", "--properties-file", "no.conf"), "no.conf is no file", "lines", id="conf"
        ),
        pytest.param(
            ("train.py", "-c", "small", "--fresh", "--join"),
            "exclude each other",
            "Take",
            id="both",
        ),
        pytest.param(
            ("a.sql", "--secret", SECRET), "Only Python jobs take secrets", "role", id="sql-secret"
        ),
    ],
)
def test_what_is_refused_is_refused_before_anything_is_sent(
    run: Run, targets: FakeTargets, *, args: tuple[str, ...], message: str, hint: str
) -> None:
    Path("train.py").touch()
    Path("a.sql").touch()

    done = run("submit", *args)

    assert done.exit_code == 2
    assert message in done.stderr
    assert hint in done.stderr.partition("hint:")[2]
    assert done.stdout == ""
    assert objects(targets) == {}
    assert not {"launch", "add_steps"} & set(calls(targets))


def test_a_pasted_secret_is_not_repeated(run: Run, targets: FakeTargets, job: str) -> None:
    done = run("submit", job, "--secret", "DB_PASSWORD=MARKER", "--debug")

    assert done.exit_code == 2
    assert "MARKER" not in done.output
    assert "aws secretsmanager create-secret" in done.stderr
    assert objects(targets) == {}


def test_again_repeats_a_run_with_its_arguments(run: Run, targets: FakeTargets, job: str) -> None:
    first = submitted(run, job, "--secret", SECRET, "--num-executors", "3", "--", *AWKWARD)
    Path(job).unlink()

    second = run("submit", "--again", first, "-d").stdout.strip()

    before, after = record(targets, first), record(targets, second)
    assert second != first
    assert after["repeats"] == first
    for same in ("args", "flags", "secrets", "program"):
        assert after[same] == before[same]


@pytest.mark.parametrize(
    ("given", "expected"), [(["--", "b", ""], ["b", ""]), (["--"], []), ([], ["a"])]
)
def test_again_takes_other_arguments(
    run: Run, targets: FakeTargets, job: str, given: list[str], expected: list[str]
) -> None:
    first = submitted(run, job, "--", "a")

    second = run("submit", "--again", first, "-d", *given).stdout.strip()

    assert record(targets, second)["args"] == expected


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["train.py"], "JOB"),
        (["--conf", "spark.x=1"], "--conf"),
        (["--jars", "a.jar", "--upgrade"], "--upgrade or --jars"),
        (["--requirements", "r.txt"], "--requirements"),
        (["--secret", SECRET], "--secret"),
        (["--dry-run"], "--dry-run"),
    ],
)
def test_again_takes_nothing_else(run: Run, job: str, given: list[str], named: str) -> None:
    assert job

    done = run("submit", "--again", "r-20261121-120000-0a1b2c", *given)

    assert done.exit_code == 2
    assert f"takes no {named}." in done.stderr
    assert "selfserve submit --again r-20261121-120000-0a1b2c" in done.stderr


def test_a_dry_run_lists_all_and_changes_nothing(run: Run, targets: FakeTargets, job: str) -> None:
    Path("a.jar").write_bytes(b"jar")

    done = run(
        "submit", job, "-c", "small", "--dry-run", "--jars", "a.jar", "--secret", SECRET,
        "--", "--rank", "a b",
    )  # fmt: skip

    assert done.exit_code == 0
    assert "train.py, starts at path train.py" in done.stdout
    assert "--rank 'a b'" in done.stdout
    assert "a small cluster for this run alone, on local ($" in done.stdout
    assert f"DB_PASSWORD from {SECRET.partition('=')[2]}" in done.stdout
    assert "spark-submit --deploy-mode cluster" in done.stdout
    assert "Nothing was uploaded or started." in done.stderr
    assert objects(targets) == {}
    assert not {"launch", "add_steps", "terminate"} & set(calls(targets))


def test_a_dry_run_as_json_says_what_submitting_then_does(
    run: Run, targets: FakeTargets, folder: Path
) -> None:
    app = folder / "app"
    app.mkdir()
    (app / "__main__.py").write_text("import helper", encoding="utf-8")
    (app / "helper.py").write_text("x = 1", encoding="utf-8")
    (app / ".env").write_text("MARKER", encoding="utf-8")
    (app / "a.jar").write_bytes(b"jar")
    args = ("app", "-c", "small", "--jars", "app/a.jar", "--", *AWKWARD)

    planned = json.loads(run("submit", "--dry-run", "-o", "json", *args).stdout)
    run_id = run("submit", "-d", *args).stdout.strip()

    sent = record(targets, run_id)
    assert planned["args"] == sent["args"] == AWKWARD
    assert planned["flags"] == sent["flags"]
    assert planned["code"]["sha256"] == sent["program"]["code"]["sha256"]
    assert planned["step"] == [arg.replace(run_id, "RUN") for arg in step_of(targets)]
    assert [file["path"] for file in planned["files"]] == ["__main__.py", "a.jar", "helper.py"]
    assert {"path": ".env", "reason": "may hold credentials"} in planned["left_out"]
    assert planned["dependencies"] is None
    assert planned["packages"] == []
    assert [one["what"] for one in planned["objects"]] == ["runner", "code", "--jars"]
    assert [one["in_s3"] for one in planned["objects"]] == [False, False, False]
    for one in planned["objects"]:
        assert len(objects(targets)[one["uri"].removeprefix("s3://memory/")]) == one["size"]


def test_a_dry_run_after_the_run_finds_everything_in_s3(
    run: Run, targets: FakeTargets, job: str
) -> None:
    submitted(run, job)
    before = dict(objects(targets))

    planned = json.loads(run("submit", job, "-c", "small", "--dry-run", "-o", "json").stdout)

    assert all(one["in_s3"] for one in planned["objects"])
    assert objects(targets) == before


def test_a_dry_run_goes_to_the_live_cluster_of_that_name(
    run: Run, targets: FakeTargets, job: str
) -> None:
    assert run("up", "small", "--name", "mine").exit_code == 0

    planned = json.loads(run("submit", job, "-c", "mine", "--dry-run", "-o", "json").stdout)

    assert planned["cluster"] == "mine"
    assert planned["cluster_id"] == targets.target.backend.list_clusters()[0].id


def test_a_dry_run_starts_no_daemon(run: Run, targets: FakeTargets, job: str) -> None:
    targets.is_running = False

    done = run("submit", job, "-c", "small", "--dry-run", "-o", "json")

    planned = json.loads(done.stdout)
    assert not targets.is_running
    assert planned["profile"] == "small"
    assert [one["in_s3"] for one in planned["objects"]] == [None, None]


@pytest.mark.parametrize(
    ("name", "first_word"), [("a.sql", "spark-sql"), ("a.jar", "spark-submit")]
)
def test_a_dry_run_of_a_job_that_goes_as_it_is(run: Run, name: str, first_word: str) -> None:
    Path(name).write_bytes(b"select 1")

    done = run("submit", name, "-c", "small", "--dry-run", "-o", "json")

    planned = json.loads(done.stdout)
    (sent,) = planned["objects"]
    assert sent["what"] == "job"
    assert sent["size"] == 8
    assert planned["step"][0] == first_word
    assert planned["entry"] is None
    assert planned["packages_from"] is None


def test_the_help_groups_what_is_spark_submits(run: Run) -> None:
    text = run("submit", "--help").stdout

    ours, _, sparks = text.partition("Flags of spark-submit")
    assert "--dry-run" in ours
    assert "--conf" not in ours
    for flag in ("--conf", "--py-files", "--files", "--jars", "--archives", "--packages"):
        assert flag in sparks
    assert len(text.splitlines()) < 70


def test_a_dry_run_tells_the_packages_and_where_they_are_named(run: Run, folder: Path) -> None:
    wheels = folder / "wheels"
    write_wheel(wheels, "tiny", "1.0")
    (folder / "train.py").write_text("import tiny", encoding="utf-8")
    (folder / "requirements.txt").write_text(
        f"--no-index\n--find-links {wheels}\ntiny==1.0\n", encoding="utf-8"
    )

    done = run("submit", "train.py", "-c", "small", "--dry-run")
    planned = json.loads(run("submit", "train.py", "-c", "small", "--dry-run", "-o", "json").stdout)

    assert "requirements.txt, 1 package" in done.stdout
    assert "tiny==1.0" in done.stdout
    assert planned["packages"] == ["tiny==1.0"]
    assert planned["packages_from"] == "requirements.txt, 1 package"
    assert planned["dependencies"]["size"] > 0
    assert [one["what"] for one in planned["objects"]] == ["runner", "code", "dependencies", "lock"]


def test_a_dry_run_tells_which_cluster_would_be_joined(
    run: Run, targets: FakeTargets, job: str
) -> None:
    assert run("up", "small", "--name", "warm", "--shared").exit_code == 0
    cluster_id = targets.target.backend.list_clusters()[0].id
    before = dict(objects(targets))

    told = run("submit", job, "-c", "small", "--dry-run")
    planned = json.loads(run("submit", job, "-c", "small", "--dry-run", "-o", "json").stdout)
    fresh = run("submit", job, "-c", "small", "--dry-run", "--fresh")

    assert f"joins warm ({cluster_id}), shared, on local" in told.stdout
    assert (planned["cluster_id"], planned["joined"]) == (cluster_id, True)
    assert "a small cluster for this run alone" in fresh.stdout
    assert objects(targets) == before, "a slot was booked"


def test_a_dry_run_tells_that_a_shared_cluster_would_be_started(run: Run, job: str) -> None:
    told = run("submit", job, "-c", "small", "--dry-run", "--join")

    assert "a shared small cluster, which others can join" in told.stdout


def test_join_says_what_it_starts_and_that_it_stays(
    run: Run, targets: FakeTargets, job: str
) -> None:
    done = run("submit", "-d", job, "-c", "small", "--join")

    sent = record(targets, done.stdout.strip())
    assert sent["cluster"].startswith("shared-")
    assert f"selfserve down {sent['cluster']}" in done.stderr
    assert not sent["is_transient"]


def test_fresh_takes_no_warm_cluster(run: Run, targets: FakeTargets, job: str) -> None:
    run("up", "small", "--name", "warm", "--shared")

    fresh = record(targets, submitted(run, job, "--fresh"))
    joined = record(targets, submitted(run, job))

    assert fresh["is_transient"]
    assert (joined["cluster"], joined["joined"]) == ("warm", True)


@pytest.mark.parametrize("flag", ["--fresh", "--join"])
@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["real", "dry"])
def test_a_named_cluster_takes_neither_fresh_nor_join(
    run: Run, job: str, flag: str, dry: tuple[str, ...]
) -> None:
    run("up", "small", "--name", "mine")

    done = run("submit", job, "-c", "mine", flag, *dry)

    assert done.exit_code == 2
    assert f"mine is a cluster, and {flag} chooses one for a profile." in done.stderr
    assert f"Leave {flag} out" in done.stderr


def test_again_takes_fresh_and_join(run: Run, targets: FakeTargets, job: str) -> None:
    first = submitted(run, job)
    run("up", "small", "--name", "warm", "--shared")

    fresh = run("submit", "-d", "--again", first, "--fresh").stdout.strip()
    joined = run("submit", "-d", "--again", first).stdout.strip()

    assert record(targets, fresh)["is_transient"]
    assert record(targets, joined)["cluster"] == "warm"
