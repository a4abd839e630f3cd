"""Every way in which one key of a profile can be wrong, and the words for it."""

import json

import pytest

from profile_texts import SMALL, loader, resolve_small
from selfserve.core.problems import ProfileError
from selfserve.core.profile import profile_schema
from selfserve.core.resolve import resolve


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        pytest.param(
            "aplications: [Spark]",
            "test.yaml:2: aplications: unknown key; did you mean 'applications'?",
            id="unknown-key",
        ),
        pytest.param(
            "nodes:\n  core: {cuont: 3}",
            "test.yaml:3: nodes.core.cuont: unknown key; did you mean 'count'?",
            id="unknown-nested-key",
        ),
        pytest.param(
            "bootstrap:\n  max-age: {arg: [x]}",
            "test.yaml:3: bootstrap.max-age.arg: unknown key; did you mean 'args'?",
            id="unknown-key-in-a-named-entry",
        ),
        pytest.param("sparks: null", "sparks: unknown key; did you mean 'spark'?", id="null-key"),
        pytest.param(
            "nodes:\n  core: {count: two}",
            "test.yaml:3: nodes.core.count: must be a whole number, not 'two'",
            id="text-for-number",
        ),
        pytest.param(
            "nodes: {core: {count: 2.5}}",
            "nodes.core.count: must be a whole number, not '2.5'",
            id="fraction",
        ),
        pytest.param(
            "nodes: {core: {count: true}}", "must be a whole number, not True", id="boolean"
        ),
        pytest.param("nodes: {core: {count: 0}}", "must be at least 1, not 0", id="zero"),
        pytest.param("nodes: {core: 4}", "nodes.core: must be a map, not 4", id="number-for-map"),
        pytest.param(
            "applications: Spark", "applications: must be a list, not 'Spark'", id="text-for-list"
        ),
        pytest.param("applications: []", "must be a list of at least 1", id="empty-list"),
        pytest.param(
            "nodes: {core: {types: [r7g.2xlarge, 7]}}",
            "nodes.core.types[1]: must be text, not 7",
            id="number-in-list",
        ),
        pytest.param(
            f"nodes: {{core: {{types: [{', '.join(f'm{n}.x' for n in range(31))}]}}}}",
            "nodes.core.types: must be at most 30 of them",
            id="too-many-types",
        ),
        pytest.param(
            "nodes: {core: {market: sport}}",
            "nodes.core.market: must be on-demand or spot, not 'sport'",
            id="unknown-market",
        ),
        pytest.param("description: [a]", "must be text, not a list of 1", id="list-for-text"),
        pytest.param("tags: {a: {b: c}}", "tags.a: must be text, not a map", id="map-for-text"),
        pytest.param(
            "conf: {spark-defaults: {a: [1]}}",
            "conf.spark-defaults.a: must be text, a number or a boolean, not a list",
            id="list-for-property",
        ),
        pytest.param(
            "conf: {spark-env: {export: {A: [1]}}}",
            "conf.spark-env.export: A must be text, a number or a boolean, not a list",
            id="list-for-nested-property",
        ),
        pytest.param(
            "shutdown: {idle: 59s}", "shutdown.idle: 59s is outside 1m to 7d", id="idle-too-short"
        ),
        pytest.param(
            "shutdown: {idle: 8d}", "shutdown.idle: 8d is outside 1m to 7d", id="idle-too-long"
        ),
        pytest.param(
            "shutdown: {idle: 1:30}",
            "shutdown.idle: '1:30' is not a duration; write 90s, 30m, 8h or 2d",
            id="clock-time-for-duration",
        ),
        pytest.param("shutdown: {idle: 30}", "30 is not a duration", id="number-for-duration"),
        pytest.param(
            "shutdown: {max_age: '{{ vars.age }}'}",
            "(a {{ }} template cannot stand here)",
            id="template-for-duration",
        ),
        pytest.param("shutdown: {max_age: 60d}", "60d is outside 10m to 31d", id="age-too-long"),
        pytest.param(
            "nodes: {core: {spot_timeout: 1m}}", "1m is outside 5m to 45m", id="spot-timeout"
        ),
        pytest.param("nodes: {core: {disk: 5}}", "must be at least 10, not 5", id="disk"),
        pytest.param("root_disk: 500", "root_disk: must be at most 100, not 500", id="root-disk"),
        pytest.param("ssh_key: ''", "ssh_key: must be text that matches", id="no-ssh-key"),
        pytest.param("ssh_key: clé", "ssh_key: must be text that matches", id="ssh-key-not-ascii"),
        pytest.param("step_concurrency: 300", "must be at most 256, not 300", id="concurrency"),
        pytest.param(
            "bootstrap: {x: {script: ../x.sh}}", "bootstrap.x.script: must be text that", id="path"
        ),
        pytest.param("shutdown: null", "shutdown: is missing", id="missing-section"),
        pytest.param("spark: null", "needs one of spark, release or trino", id="no-pin"),
        pytest.param(
            "spark: 3.5.8\nrelease: emr-7.14.0",
            "test.yaml:3: release: pins the versions, but so does spark; keep one",
            id="two-pins",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_place(extra: str, problem: str) -> None:
    with pytest.raises(ProfileError) as caught:
        resolve_small(extra)

    assert [problem in str(found) for found in caught.value.problems] == [True], caught.value


def test_a_wrong_value_in_a_base_is_told_with_the_line_of_the_base() -> None:
    load = loader(small=SMALL.replace("count: 2", "count: two"), test="extends: small")

    with pytest.raises(ProfileError, match=r"small\.yaml:5: nodes\.core\.count: must be a whole"):
        resolve("test", load=load)


def test_all_problems_of_a_profile_come_at_once() -> None:
    with pytest.raises(ProfileError) as caught:
        resolve_small("shutdown: {idle: 1s}\nnodes: {core: {count: 0}}\nfoo: 1")

    assert str(caught.value).startswith("profile test cannot be used; it has 3 problems:\n")
    assert caught.value.hint.endswith("selfserve profiles validate test")


def test_configuration_values_become_the_strings_that_emr_wants() -> None:
    profile = resolve_small(
        "conf:\n  spark-defaults: {a: true, b: 200, c: 0.60, d: no}\n"
        "  spark-env: {export: {PYSPARK_PYTHON: /usr/bin/python3.11, N: 1}}"
    ).profile

    assert profile.conf["spark-defaults"] == {"a": "true", "b": "200", "c": "0.60", "d": "false"}
    assert profile.conf["spark-env"] == {
        "export": {"PYSPARK_PYTHON": "/usr/bin/python3.11", "N": "1"}
    }


def test_the_schema_for_editors_requires_nothing_and_knows_every_key() -> None:
    schema = profile_schema()

    assert "required" not in json.dumps(schema)
    assert {"spark", "nodes", "shutdown", "conf"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
