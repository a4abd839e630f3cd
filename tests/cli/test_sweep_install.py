"""`selfserve sweep --install`, at the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from selfserve.cli.app import app
from targets import FakeTargets, make_target

RUNNER = CliRunner()
AWS = FakeTargets(make_target(kind="aws"))


def test_the_commands_to_paste_are_data_and_all_else_is_talk(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["sweep", "--install", "--into", str(tmp_path)], obj=AWS)

    assert done.exit_code == 0
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 6
    assert all(line.startswith("aws ") for line in lines)
    assert "Nothing was changed in AWS" in done.stderr
    assert (tmp_path / "template.yaml").exists()


def test_json_has_the_commands_too(tmp_path: Path) -> None:
    command = ["sweep", "--install", "--into", str(tmp_path), "--every", "5m", "-o", "json"]

    done = RUNNER.invoke(app, command, obj=AWS)

    document = json.loads(done.stdout)
    assert document["stack"] == "selfserve-sweep-main"
    assert [one["does"] for one in document["commands"]] == ["upload the code", "install"]
    assert "rate(5 minutes)" in (tmp_path / "template.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "options",
    [["--install", "--watch"], ["--install", "--dry-run"], ["--install", "--all"], ["--into", "x"]],
)
def test_what_cannot_be_installed_is_refused(options: list[str]) -> None:
    assert RUNNER.invoke(app, ["sweep", *options], obj=AWS).exit_code == 2
