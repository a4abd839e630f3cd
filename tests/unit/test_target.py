"""What `--on` names, and what it says when it names nothing."""

from pathlib import Path

import pytest

from selfserve.errors import BadInputError
from selfserve.local.endpoint import ACCOUNT
from selfserve.usecases.targets.configured_targets import ConfiguredTargets
from selfserve.usecases.targets.settings import AwsSettings, Settings
from selfserve.usecases.targets.target import AWS_PACE

AWS = AwsSettings(region="eu-west-1", bucket="team-bucket", team="ranking")


def _targets(
    *,
    default_on: str = "local",
    bucket: str | None = None,
    team: str | None = None,
    region: str | None = None,
    **targets: AwsSettings,
) -> ConfiguredTargets:
    settings = Settings(
        default_on=default_on,
        targets=targets,
        user="ada",
        config_file=Path("/home/ada/.config/selfserve/config.yaml"),
        bucket=bucket,
        team=team,
        region=region,
    )
    return ConfiguredTargets(lambda: settings)


def test_the_default_is_what_is_configured() -> None:
    assert _targets().place(None).label == "local"
    assert _targets(default_on="aws", aws=AWS).place(None).label == "aws"


def test_local_needs_no_configuration_and_no_request() -> None:
    place = _targets().place("local")

    assert place.is_local
    assert place.account() == ACCOUNT


def test_aws_is_the_entry_of_that_name() -> None:
    place = _targets(aws=AWS).place("aws")

    assert (place.kind, place.region, place.bucket, place.team) == (
        "aws", "eu-west-1", "team-bucket", "ranking",
    )  # fmt: skip
    assert place.user == "ada"


def test_aws_with_a_name_is_another_entry() -> None:
    staging = AwsSettings(region="eu-west-2", bucket="staging", installation="staging")

    place = _targets(aws=AWS, staging=staging).place("aws:staging")

    assert (place.label, place.bucket, place.installation) == ("aws:staging", "staging", "staging")


@pytest.mark.parametrize("bucket", ["My_Team", "s3://team-bucket", "ab", "team-bucket\n"])
def test_what_cannot_be_a_bucket_is_refused_in_the_environment_too(bucket: str) -> None:
    with pytest.raises(BadInputError, match="no S3 bucket") as caught:
        _targets(bucket=bucket, aws=AWS).place("aws")

    assert "export SELFSERVE_BUCKET=my-bucket" in caught.value.hint


def test_the_environment_alone_is_enough_for_aws() -> None:
    place = _targets(bucket="my-bucket", region="eu-west-3", team="ads").place("aws")

    assert (place.bucket, place.region, place.team) == ("my-bucket", "eu-west-3", "ads")


def test_the_environments_bucket_and_team_win_but_not_its_region() -> None:
    place = _targets(bucket="mine", team="ads", region="us-east-1", aws=AWS).place("aws")

    assert (place.bucket, place.team, place.region) == ("mine", "ads", "eu-west-1")


def test_a_configured_account_is_not_asked_for() -> None:
    known = AwsSettings(region="eu-west-1", bucket="team-bucket", account="123456789012")

    assert _targets(aws=known).place("aws").account() == "123456789012"


@pytest.mark.parametrize(
    ("on", "said"),
    [
        ("locl", "did you mean 'local'"),
        ("aws:stagin", "did you mean 'aws:staging'"),
        ("gcp", "No target is called gcp"),
        ("local:x", "No target"),
    ],
)
def test_an_unknown_target_is_bad_input_with_a_guess(on: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said) as caught:
        _targets(aws=AWS, staging=AWS).place(on)

    assert "--on local, --on aws, --on aws:staging" in caught.value.hint


def test_a_missing_bucket_is_bad_input_with_a_line_to_paste() -> None:
    with pytest.raises(BadInputError, match="No S3 bucket") as caught:
        _targets(region="eu-west-1").place("aws")

    assert "export SELFSERVE_BUCKET=" in caught.value.hint
    assert "config.yaml" in caught.value.hint


def test_a_missing_region_is_bad_input_with_a_line_to_paste() -> None:
    with pytest.raises(BadInputError, match="No AWS region") as caught:
        _targets(bucket="b-bucket").place("aws")

    assert "export AWS_REGION=" in caught.value.hint


def test_an_aws_target_polls_within_emrs_rates() -> None:
    target = _targets(aws=AWS).open("aws")

    assert target.pace is AWS_PACE
    assert target.store.bucket == "team-bucket"


def test_a_pace_slows_down_to_its_limit() -> None:
    pauses = AWS_PACE.steps()

    taken = [next(pauses) for _ in range(20)]

    assert taken == sorted(taken)
    assert (taken[0], taken[-1]) == (AWS_PACE.quickest, AWS_PACE.slowest)


def test_keys_of_the_local_endpoint_are_not_taken_for_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKLOCAL0123456789")

    with pytest.raises(BadInputError, match="point at the local endpoint") as caught:
        _targets(aws=AWS).place("aws")

    assert "unset AWS_ENDPOINT_URL_EMR" in caught.value.hint
    assert _targets(aws=AWS).place("local").is_local
