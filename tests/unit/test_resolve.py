"""How profiles merge, where each value is from, and what only the whole can show."""

import pytest

from profile_texts import SMALL, loader, resolve_small
from selfserve.core.problems import ProfileError
from selfserve.core.resolve import Override, parse_override, resolve
from selfserve.errors import BadInputError, NotFoundError


def test_maps_merge_and_lists_and_scalars_replace() -> None:
    profile = resolve_small("applications: [Spark, Livy]\nnodes: {core: {count: 5}}").profile

    assert profile.applications == ("Spark", "Livy")
    assert profile.nodes.core.count == 5
    assert profile.nodes.core.types == ("r7g.2xlarge",)


def test_null_removes_what_is_inherited() -> None:
    task = "nodes: {task: {types: [r7g.2xlarge]}}\ntags: {a: b}"
    load = loader(
        small=SMALL,
        base=f"extends: small\n{task}",
        test="extends: base\nnodes: {task: null}\ntags: {a: ~}",
    )

    resolved = resolve("test", load=load)

    assert resolved.profile.nodes.task is None
    assert resolved.profile.tags == {}
    assert "tags.a" not in resolved.origins
    assert resolved.chain == ("test", "base", "small")


@pytest.mark.parametrize(
    ("extra", "label"),
    [
        ("release: emr-7.0.0", "emr-7.0.0"),
        ("spark: 3.4.1", "emr-6.15.0"),
        ("trino: 479\napplications: [Spark, Trino]", "emr-7.14.0"),
    ],
)
def test_naming_a_pin_replaces_the_one_below(extra: str, label: str) -> None:
    resolved = resolve_small(extra)

    pins = (resolved.profile.spark, resolved.profile.release, resolved.profile.trino)
    assert sum(pin is not None for pin in pins) == 1
    assert resolved.release.label == label


def test_every_value_knows_its_origin() -> None:
    resolved = resolve_small(
        "nodes: {core: {count: 5}}\n\ntags:\n  team: a", "shutdown.idle=2h", "tags.x.y=z"
    )

    origins = {path: str(origin) for path, origin in resolved.origins.items()}
    assert origins["nodes.core.count"] == "test.yaml:2"
    assert origins["nodes.core.types"] == "small.yaml:5"
    assert origins["nodes.core.types[0]"] == "small.yaml:5"
    assert origins["tags.team"] == "test.yaml:5"
    assert origins["shutdown.idle"] == "--set"
    assert origins["tags.x.y"] == "--set"
    assert str(resolved.origin_of("step_concurrency")) == "default"
    assert str(resolved.origin_of("nodes.core.market")) == "default"


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("nodes.core.count=4", "nodes.core.count", "4"),
        ("nodes.core.types=[r6g.2xlarge]", "nodes.core.types", "('r6g.2xlarge',)"),
        (
            "conf.spark-defaults.spark.sql.shuffle.partitions=200",
            "conf.spark-defaults.spark.sql.shuffle.partitions",
            "'spark.sql.shuffle.partitions': '200'",
        ),
        ("conf.spark-env.export.A=1", "conf.spark-env.export.A", "'export': {'A': '1'}"),
        ("conf.spark-env={export: {A: 1}}", "conf.spark-env.export.A", "'export': {'A': '1'}"),
        ("tags.cost:centre=a=b", "tags.cost:centre", "'cost:centre': 'a=b'"),
        ("tags.a.b=c", "tags.a.b", "'a.b': 'c'"),
    ],
)
def test_overrides_are_yaml_at_a_path_that_may_hold_dots(
    override: str, path: str, value: str
) -> None:
    resolved = resolve_small("", override)

    assert str(resolved.origins[path]) == "--set"
    assert value in str(resolved.profile.model_dump())


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("nodes.core.cuont=4", "--set: nodes.core.cuont: unknown key; did you mean 'count'?"),
        ("nodes.core.count=four", "--set: nodes.core.count: must be a whole number, not 'four'"),
        ("vars.x=", "--set: vars.x: must be text, not empty"),
        ("nodes.core=4", "--set: nodes.core: must be a map, not 4"),
        ("nodes.core.types=[m7g.xlarge", "--set nodes.core.types=[m7g.xlarge: not YAML: "),
        ("shutdown.idle=!!python/name:os.system", "the tag !!python/name:os.system is not allowed"),
        ("extends=other", "--set: extends: cannot be changed for one launch"),
    ],
)
def test_a_wrong_override_names_the_flag(override: str, problem: str) -> None:
    with pytest.raises(ProfileError) as caught:
        resolve_small("", override)

    assert problem in str(caught.value.problems[0])


def test_an_override_may_come_from_another_flag() -> None:
    load = loader(small=SMALL)

    resolved = resolve(
        "small", load=load, overrides=[Override("shutdown.idle", "2h", source="--idle")]
    )

    assert str(resolved.origins["shutdown.idle"]) == "--idle"


@pytest.mark.parametrize("text", ["nodes.core.count", "=4", "a..b=4", ""])
def test_an_override_without_path_or_value_is_refused(text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_override(text)

    assert caught.value.hint == "For example: --set nodes.core.count=4"


def test_an_unknown_profile_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        resolve("sparkml", load=loader(small=SMALL))


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"test": "extends: smal"}, "test.yaml:1: extends: No profile is called smal."),
        ({"test": "extends: test"}, "test.yaml:1: extends: goes in a circle: test extends test"),
        (
            {"test": "extends: a", "a": "extends: b", "b": "extends: a"},
            "b.yaml:1: extends: goes in a circle: a extends b extends a",
        ),
        ({"test": "extends: [a, b]"}, "test.yaml:1: extends: must be the name of a profile"),
    ],
)
def test_a_broken_chain_is_told_where_it_breaks(texts: dict[str, str], problem: str) -> None:
    with pytest.raises(ProfileError) as caught:
        resolve("test", load=loader(**texts))

    assert str(caught.value.problems[0]) == problem


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        pytest.param(
            "spark: 3.5.7",
            "test.yaml:2: spark: no EMR release has Spark 3.5.7; did you mean 3.5.8?",
            id="unknown-spark",
        ),
        pytest.param("spark: 3.5", "has Spark 3.5; did you mean 3.5.8?", id="short-spark"),
        pytest.param("trino: 480", "no EMR release has Trino 480; did you mean 4", id="trino"),
        pytest.param(
            "release: emr-7.14.1",
            "there is no EMR release 'emr-7.14.1' in our table; did you mean 'emr-7.14.0'?",
            id="unknown-release",
        ),
        pytest.param(
            "spark: 4.1.1\napplications: [Spark, Hive]",
            "test.yaml:3: applications[1]: emr-spark-8.1.0 has no Hive; it is in emr-7.0.0 to",
            id="lacking-application",
        ),
        pytest.param(
            "applications: [Spark, Sparc]",
            "applications[1]: EMR has no application 'Sparc'; did you mean 'Spark'?",
            id="unknown-application",
        ),
        pytest.param(
            "applications: [Spark, spark]", "applications[1]: spark is listed twice", id="twice"
        ),
        pytest.param(
            "applications: [Livy]", "Spark is not among the applications", id="spark-without-spark"
        ),
        pytest.param(
            "nodes: {core: {types: [r7g.2xlage]}}",
            "'r7g.2xlage' is no instance type that we know; did you mean 'r7g.2xlarge'?",
            id="unknown-type",
        ),
        pytest.param(
            "nodes: {core: {types: [m5.large]}, primary: {types: [m5.xlarge]}}",
            "nodes.core.types[0]: EMR does not offer m5.large; the smallest like it is m5.xlarge",
            id="not-offered",
        ),
        pytest.param(
            "nodes: {core: {types: [r7g.2xlarge, r7g.2xlarge]}}",
            "nodes.core.types[1]: r7g.2xlarge is listed twice",
            id="type-twice",
        ),
        pytest.param(
            "release: emr-6.2.0",
            "emr-6.2.0 does not support m7g.xlarge; it takes emr-5.36.1, emr-6.10.0, emr-7.0.0",
            id="unsupported-type",
        ),
        pytest.param(
            "nodes: {core: {types: [r7g.2xlarge, r5.2xlarge]}}",
            "nodes.core.types[1]: r5.2xlarge is x86_64, but m7g.xlarge is arm64",
            id="arm-and-x86-in-one-fleet",
        ),
        pytest.param(
            "nodes: {task: {types: [m5.xlarge]}}",
            "nodes.task.types[0]: m5.xlarge is x86_64",
            id="arm-and-x86-in-two-fleets",
        ),
        pytest.param("scale: {min: 5, max: 3}", "scale.min: min 5 is more than max 3", id="min"),
        pytest.param(
            "scale: {min: 1, max: 1}", "leaves no room for 2 core workers", id="no-room-for-core"
        ),
        pytest.param(
            "scale: {min: 1, max: 2}\nnodes: {task: {types: [r7g.2xlarge]}}",
            "scale.max: max 2 leaves no room for 2 core and 1 task workers",
            id="no-room-for-task",
        ),
        pytest.param(
            "scale: {min: 3, max: 4}", "count 2 is below scale.min 3", id="core-below-min"
        ),
        pytest.param(
            "conf: {hive-site: {a: b}}\nspark: 4.1.1",
            "conf.hive-site: emr-spark-8.1.0 has no classification hive-site",
            id="classification",
        ),
        pytest.param(
            "bootstrap: null", "nothing would keep shutdown.max_age; name max-age.sh", id="max-age"
        ),
        pytest.param(
            "bootstrap: {busy-probe: null}",
            "nobody could see what works on the cluster; name busy-probe.py",
            id="busy-probe",
        ),
    ],
)
def test_what_only_the_whole_can_show(extra: str, problem: str) -> None:
    with pytest.raises(ProfileError) as caught:
        resolve_small(extra)

    assert any(problem in str(found) for found in caught.value.problems), caught.value


@pytest.mark.parametrize(
    ("extra", "problems"),
    [
        (
            "applications: [Trino, Presto]",
            ["Trino and Presto cannot run on one cluster; keep one"],
        ),
        (
            "applications: [Trino]\nscale: {min: 2, max: 3}",
            ["managed scaling follows YARN and cannot see Trino; write `by: hand`, and change"],
        ),
        (
            "applications: [PrestoSQL]\nscale: {min: 2, max: 3}",
            ["managed scaling follows YARN and cannot see PrestoSQL; write `by: hand`"],
        ),
    ],
)
def test_query_engines_beside_yarn_have_rules_of_their_own(extra: str, problems: list[str]) -> None:
    with pytest.raises(ProfileError) as caught:
        resolve_small(f"release: emr-7.14.0\n{extra}")

    texts = [found.text for found in caught.value.problems]
    assert [text.startswith(wanted) for wanted, text in zip(problems, texts, strict=True)] == [True]


def test_spark_pins_the_newest_release_that_has_every_application() -> None:
    assert resolve_small("spark: 3.5.6").release.label == "emr-7.13.0"
    assert (
        resolve_small(
            "spark: 3.1.1\napplications: [Spark, Hive]",
            "nodes.primary.types=[m6g.xlarge]",
            "nodes.core.types=[r6g.xlarge]",
        ).release.label
        == "emr-6.3.1"
    )
