"""The life of a cluster from the command line: plan, up, status, down."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from fakes import FakeBackend
from selfserve.core.cluster import ClusterState
from selfserve.core.launch import StepSpec
from selfserve.errors import AwsError
from targets import FakeTargets, make_target

Run = Callable[..., Result]


def test_up_starts_a_cluster_and_prints_it(run: Run) -> None:
    result = run("up", "small")

    assert result.exit_code == 0
    assert result.stdout == "small  j-FAKE000000001  ready on local\n"
    assert "selfserve submit JOB -c small" in result.stderr


def test_up_prints_json_for_machines(run: Run) -> None:
    result = run("up", "small", "--name", "mine", "-o", "json")

    assert json.loads(result.stdout) == {
        "name": "mine",
        "id": "j-FAKE000000001",
        "state": "WAITING",
        "on": "local",
        "reused": False,
        "release": "emr-7.13.0",
        "changes": [],
    }


def test_a_second_up_says_what_differs_and_succeeds(run: Run) -> None:
    run("up", "small")

    result = run("up", "small", "--idle", "15m")

    assert result.exit_code == 0
    assert "shutdown.idle: is 1h, not 15m" in result.stderr
    assert "selfserve down small" in result.stderr


def test_quiet_leaves_data_only(run: Run) -> None:
    result = run("-q", "up", "small")

    assert result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    "line", ["--on aws up small", "up --on aws small", "up small --on aws", "up small --on=aws"]
)
def test_global_options_stand_before_or_after_the_command(
    run: Run, targets: FakeTargets, line: str
) -> None:
    assert run(*line.split()).exit_code == 0

    assert targets.asked == ["aws"]


def test_the_option_after_the_command_wins(run: Run, targets: FakeTargets) -> None:
    run("--on", "aws", "status", "--on", "local")

    assert targets.asked == ["local"]


@pytest.mark.parametrize(
    "line", ["-o json profiles list", "profiles -o json list", "profiles list -o json"]
)
def test_global_options_reach_nested_commands(run: Run, line: str) -> None:
    assert isinstance(json.loads(run(*line.split()).stdout), list)


def test_a_dry_run_is_a_plan_and_starts_nothing(run: Run, targets: FakeTargets) -> None:
    planned, dry = run("plan", "small"), run("up", "small", "--dry-run")

    assert dry.stdout == planned.stdout
    backend = targets.target.backend
    assert isinstance(backend, FakeBackend)
    assert backend.launched == []


def test_the_command_that_a_dry_run_gives_has_all_its_options(run: Run) -> None:
    options = ("--name", "mine", "--idle", "15m", "--max-age", "8h", "--shared")
    types = "nodes.core.types=[r7g.2xlarge, r6g.2xlarge]"

    dry = run("up", "small", "--dry-run", *options, "--set", types, "--on", "local")

    assert dry.stderr == (
        "Nothing was started. Launch it with: selfserve up small --on local --name mine "
        f"--idle 15m --max-age 8h --shared --set '{types}'\n"
    )


def test_a_plan_says_that_a_cluster_of_another_profile_has_the_name(run: Run, folder: Path) -> None:
    (folder / "cluster_profiles" / "other.yaml").write_text("extends: small\ndescription: x\n")
    run("up", "other", "--name", "mine")

    planned = run("plan", "small", "--name", "mine")

    assert "has this name, but profile other: up would refuse" in planned.stdout
    assert run("up", "small", "--name", "mine").exit_code == 2


def test_a_plan_names_the_flag_that_a_value_is_from(run: Run) -> None:
    options = ("--dry-run", "--shared", "--idle", "15m", "-o", "json")

    origins = json.loads(run("up", "small", *options).stdout)["origins"]

    assert (origins["shared"], origins["shutdown.idle"]) == ("--shared", "--idle")


def test_flags_that_say_the_same_twice_are_fine(run: Run) -> None:
    assert run("up", "small", "--shared", "--set", "shared=true").exit_code == 0


def test_plan_shows_cost_origins_and_what_is_not_applied(run: Run, targets: FakeTargets) -> None:
    targets.is_running = False

    result = run("plan", "small", "--set", "nodes.core.count=4")

    assert result.exit_code == 0
    assert "nothing on this machine; on AWS $" in result.stdout
    assert "cluster_profiles/small.yaml:9" in result.stdout
    assert "--set" in result.stdout
    assert "spot capacity" in result.stdout
    assert not targets.is_running, "a plan must not start the daemon"


def test_plan_json_has_spec_money_as_text_and_origins(run: Run) -> None:
    document = json.loads(run("plan", "small", "-o", "json").stdout)

    assert document["spec"]["release"] == "emr-7.13.0"
    assert isinstance(document["cost_per_hour"]["low"], str)
    assert document["origins"]["spark"] == "cluster_profiles/small.yaml:3"


def test_status_lists_clusters(run: Run) -> None:
    run("up", "small")

    for command in ("status", "ls"):
        result = run(command)
        head, row = result.stdout.splitlines()
        assert head.split()[:3] == ["NAME", "PROFILE", "STATE"]
        assert row.split()[:4] == ["small", "small", "WAITING", "ada"]


def test_status_json_has_utc_times(run: Run) -> None:
    run("up", "small")

    (row,) = json.loads(run("status", "-o", "json").stdout)

    assert row["created"] == "2026-11-21T12:00:00Z"
    assert row["ends_at"] == "2026-11-22T12:00:00Z"
    assert row["cost_so_far"] is None


def test_status_of_nothing_says_how_to_start(run: Run) -> None:
    result = run("status")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "selfserve up" in result.stderr
    assert json.loads(run("status", "-o", "json").stdout) == []


def test_down_without_anybody_to_ask_ends_nothing(run: Run) -> None:
    run("up", "small")

    result = run("down", "small")

    assert result.exit_code == 2
    assert "-y" in result.stderr
    assert "WAITING" in run("status").stdout


def test_down_yes_ends_the_cluster_and_again_is_fine(run: Run) -> None:
    run("up", "small")

    first, second = run("down", "small", "-y"), run("down", "small", "-y")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "has ended already" in second.stderr


def test_down_all_json_tells_what_ended(run: Run) -> None:
    run("up", "small")
    run("up", "small", "--name", "two")

    document = json.loads(run("down", "--all", "-y", "-o", "json").stdout)

    assert {entry["name"] for entry in document["ended"]} == {"small", "two"}
    assert {entry["state"] for entry in document["ended"]} == {"TERMINATED"}


def test_down_with_one_unknown_name_ends_nothing_and_says_so(run: Run) -> None:
    run("up", "small")

    result = run("down", "small", "nothing", "-y")

    assert result.exit_code == 4
    assert "Nothing was ended." in result.stderr
    assert "WAITING" in run("status").stdout


def test_down_says_how_many_jobs_end_too(run: Run, targets: FakeTargets) -> None:
    run("up", "small")
    step = StepSpec("a job", ("true",))
    targets.target.backend.add_steps("j-FAKE000000001", [step, step])

    result = run("down", "small", "-y")

    assert "2 jobs are running or pending on small (j-FAKE000000001)" in result.stderr
    assert "Ended 1 cluster" in result.stderr


def test_down_ends_a_cluster_whose_jobs_nobody_can_count(run: Run, targets: FakeTargets) -> None:
    run("up", "small")
    backend = targets.target.backend
    assert isinstance(backend, FakeBackend)
    backend.refuse("list_steps", AwsError("Throttled.", hint="Later."))

    result = run("down", "small", "-y")

    assert result.exit_code == 0
    assert "not known whether jobs are on small" in result.stderr


def test_status_of_a_cluster_that_has_ended_says_why(run: Run, targets: FakeTargets) -> None:
    run("up", "small")
    backend = targets.target.backend
    assert isinstance(backend, FakeBackend)
    backend.move("j-FAKE000000001", ClusterState.TERMINATED, reason="It was idle.")

    result = run("status", "small")

    assert "It was idle." in result.stdout
    assert "selfserve why j-FAKE000000001" in result.stderr


def test_down_wants_names_or_all(run: Run) -> None:
    assert run("down", "-y").exit_code == 2
    assert run("down", "small", "--all", "-y").exit_code == 2


@pytest.mark.parametrize(
    ("line", "exit_code", "said"),
    [
        (("up", "smal"), 4, "did you mean 'small'"),
        (("up", "_base"), 2, "cannot be launched"),
        (("up", "small", "--set", "nodes"), 2, "nodes.core.count=4"),
        (("up", "small", "--set", "nodes.core.cuont=4"), 2, "did you mean 'count'"),
        (("up", "small", "--idle", "5s"), 2, "--idle"),
        (("up", "small", "--name", "a/b"), 2, "cannot be a cluster's name"),
        (("up", "small", "--name", ""), 2, "cannot be a cluster's name"),
        (("up", "small", "--idle", "5s"), 2, "hint: Put --idle right"),
        (("up", "cluster_profiles/small.yaml"), 2, "Give the profile's name: small;"),
        (("up", "small", "--shared", "--set", "shared=false"), 2, "--shared and --set shared=fal"),
        (("up", "small", "--idle", "30m", "--set", "shutdown.idle=1h"), 2, "do not agree"),
        (("plan", "small", "--max-age", "2h", "--set", "shutdown.max_age=3h"), 2, "do not agree"),
        (("up",), 2, "Missing argument"),
        (("up", "small", "--siz", "3"), 2, "No such option"),
        (("upp", "small"), 2, "Did you mean 'up'"),
        (("status", "nothing"), 4, "No cluster is called nothing"),
        (("status", ""), 2, "An empty text"),
        (("down", "", "-y"), 2, "An empty text"),
        (("down", "nothing", "-y"), 4, "No cluster is called nothing"),
        (("status", "-o", "xml"), 2, "xml"),
        (("profiles", "show", "smal"), 4, "did you mean 'small'"),
    ],
)
def test_bad_input_is_two_lines_and_an_exit_code(
    run: Run, line: tuple[str, ...], exit_code: int, said: str
) -> None:
    result = run(*line)

    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert "\n hint: " in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_adds_the_traceback(run: Run) -> None:
    result = run("up", "smal", "--debug")

    assert result.exit_code == 4
    assert "Traceback" in result.stderr
    assert "error: No profile" in result.stderr


def test_a_refusal_by_aws_is_exit_code_3(run: Run, targets: FakeTargets) -> None:
    backend = FakeBackend()
    backend.refuse("list_clusters", AwsError("Expired.", hint="aws sso login"))
    targets.target = make_target(kind="aws", backend=backend)

    result = run("status")

    assert result.exit_code == 3
    assert result.stderr == "error: Expired.\n hint: aws sso login\n"


def test_a_cluster_that_fails_is_exit_code_6(run: Run, targets: FakeTargets) -> None:
    targets.target = make_target(
        backend=FakeBackend(arrival=(ClusterState.TERMINATED_WITH_ERRORS,))
    )

    assert run("up", "small").exit_code == 6


def test_ctrl_c_is_exit_code_130_with_what_goes_on(run: Run, targets: FakeTargets) -> None:
    backend = FakeBackend(arrival=(ClusterState.STARTING,))

    def press_ctrl_c() -> None:
        raise KeyboardInterrupt

    backend.clock.on_sleep.append(press_ctrl_c)
    targets.target = make_target(backend=backend, clock=backend.clock)

    result = run("up", "small")

    assert result.exit_code == 130
    assert "goes on starting" in result.stderr
    assert "selfserve down small" in result.stderr


def test_version_is_printed_anywhere(run: Run) -> None:
    assert run("--version").stdout.startswith("selfserve 0.")
    assert run("status", "--version").stdout.startswith("selfserve 0.")


def test_no_arguments_show_the_help(run: Run) -> None:
    assert run().stdout == run("--help").stdout
