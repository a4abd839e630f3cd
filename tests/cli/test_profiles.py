"""`selfserve profiles`: list, show, validate, schema."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from targets import SMALL

Run = Callable[..., Result]


def test_list_shows_nearest_first_and_no_bases(run: Run, folder: Path) -> None:
    own = folder / "config" / "cluster_profiles"
    own.mkdir(parents=True)
    (own / "small.yaml").write_text(SMALL, encoding="utf-8")
    (own / "mine.yaml").write_text(SMALL, encoding="utf-8")

    entries = json.loads(run("profiles", "list", "-o", "json").stdout)

    where = {entry["name"]: entry["where"] for entry in entries}
    assert where["small"] == "here"
    assert where["mine"] == "yours"
    assert where["spark-ml"] == "shipped"
    assert not any(name.startswith("_") for name in where)


def test_a_broken_file_does_not_stop_the_listing(run: Run, folder: Path) -> None:
    (folder / "cluster_profiles" / "broken.yaml").write_text("a: [\n", encoding="utf-8")

    result = run("profiles", "list")

    assert result.exit_code == 0
    assert "cannot be read" in result.stdout


def test_show_tells_where_each_value_is_from(run: Run) -> None:
    result = run("profiles", "show", "small", "--set", "shutdown.idle=5m", "-o", "json")

    values = json.loads(result.stdout)["values"]
    assert values["spark"] == {"value": "3.5.6", "origin": "cluster_profiles/small.yaml:3"}
    assert values["shutdown.idle"] == {"value": "5m", "origin": "--set"}
    assert values["iam.service_role"]["origin"].startswith("cluster_profiles/_base.yaml:")
    assert values["step_concurrency"] == {"value": "1", "origin": "default"}


def test_validate_checks_every_profile_found(run: Run) -> None:
    result = run("profiles", "validate")

    assert result.exit_code == 0
    assert "small.yaml" in result.stdout
    assert "spark-ml.yaml" in result.stdout


def test_validate_tells_all_problems_of_all_files(run: Run, folder: Path) -> None:
    profiles = folder / "cluster_profiles"
    (profiles / "one.yaml").write_text(SMALL.replace("scale:", "scael:"), encoding="utf-8")
    (profiles / "two.yaml").write_text(SMALL.replace("3.5.6", "9.9.9"), encoding="utf-8")

    result = run("profiles", "validate")

    assert result.exit_code == 2
    assert "one.yaml:9" in result.stdout
    assert "did you mean 'scale'" in result.stdout
    assert "9.9.9" in result.stdout
    assert "2 of" in result.stderr


def test_validate_takes_a_file(run: Run, folder: Path) -> None:
    (folder / "draft.yaml").write_text(SMALL, encoding="utf-8")

    assert run("profiles", "validate", "draft.yaml").exit_code == 0
    assert run("profiles", "validate", "nowhere.yaml").exit_code == 4


def test_schema_is_json_schema(run: Run) -> None:
    schema = json.loads(run("profiles", "schema").stdout)

    assert schema["type"] == "object"
    assert {"spark", "nodes", "extends"} <= set(schema["properties"])


def test_validate_tells_templates_that_no_target_can_fill_in(run: Run, folder: Path) -> None:
    bad = SMALL + 'tags: {a: "{{ usr }}", b: "{{ user", c: "{{ user }}"}\n'
    (folder / "cluster_profiles" / "bad.yaml").write_text(bad, encoding="utf-8")

    result = run("profiles", "validate", "bad")

    assert result.exit_code == 2
    assert "tags.a: '{{ usr }}': unknown name 'usr'; did you mean 'user'?" in result.stdout
    assert "tags.b:" in result.stdout
    assert "tags.c:" not in result.stdout
