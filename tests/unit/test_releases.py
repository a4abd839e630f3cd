"""The release table agrees with itself and answers what profiles ask."""

from importlib.resources import files

import pytest
import yaml

from selfserve.core.releases import load_releases, release_number

TABLE = load_releases()


def test_each_spark_version_pins_the_newest_release_as_the_sources_say() -> None:
    text = files("selfserve.core").joinpath("data/emr_releases.yaml").read_text("utf-8")
    newest = yaml.safe_load(text)["spark_to_newest_emr"]

    chosen = {version: TABLE.choose(spark=version) for version in newest}

    assert {version: found and found.label for version, found in chosen.items()} == newest


def test_releases_are_unique_complete_and_newest_first() -> None:
    labels = [release.label for release in TABLE.releases]
    numbers = [release.number for release in TABLE.releases]

    assert len(set(labels)) == len(labels)
    assert numbers == sorted(numbers, reverse=True)
    assert all(release.spark and release.python and release.java for release in TABLE.releases)
    assert all(release.source.startswith("https://docs.aws") for release in TABLE.releases)


def test_versions_come_without_the_patch_level_of_aws() -> None:
    release = TABLE.by_label("emr-7.14.0")

    assert release is not None
    assert release.spark == release.applications["Spark"] == "3.5.8"
    assert release.applications["Hive"] == "3.1.3"
    assert (release.python, release.java) == ("3.11", "17")


@pytest.mark.parametrize(
    ("label", "application", "lacks"),
    [
        ("emr-7.14.0", "Hive", False),
        ("emr-7.14.0", "hive", False),
        ("emr-7.14.0", "HBase", False),
        ("emr-spark-8.1.0", "Hive", True),
        ("emr-spark-8.1.0", "HBase", True),
        ("emr-spark-8.1.0", "Livy", False),
        ("emr-spark-8.1.0", "AmazonCloudWatchAgent", False),
        ("emr-7.14.0", "Nonsense", True),
    ],
)
def test_which_release_lacks_what(label: str, application: str, lacks: bool) -> None:  # noqa: FBT001  a column of the table
    release = TABLE.by_label(label)

    assert release is not None
    assert release.lacks(application) is lacks


@pytest.mark.parametrize(
    ("label", "name", "emr_name"),
    [
        ("emr-7.14.0", "trino", "Trino"),
        ("emr-6.3.1", "Trino", "PrestoSQL"),
        ("emr-6.4.0", "Trino", "Trino"),
        ("emr-7.14.0", "jupyterenterprisegateway", "JupyterEnterpriseGateway"),
    ],
)
def test_applications_get_the_name_that_emr_wants(label: str, name: str, emr_name: str) -> None:
    release = TABLE.by_label(label)

    assert release is not None
    assert release.emr_name(name) == emr_name


def test_choosing_minds_every_application() -> None:
    found = TABLE.choose(applications=["Spark", "Hive"])

    assert found is not None
    assert found.label == "emr-7.14.0"
    assert TABLE.choose(spark="4.1.1", applications=["Hive"]) is None
    assert TABLE.choose(trino="nonsense") is None


@pytest.mark.parametrize(
    ("label", "number"),
    [("emr-7.14.0", (7, 14, 0)), ("emr-spark-8.1.0", (8, 1, 0)), ("emr-7", None), ("x", None)],
)
def test_labels_compare_as_numbers(label: str, number: tuple[int, int, int] | None) -> None:
    assert release_number(label) == number
