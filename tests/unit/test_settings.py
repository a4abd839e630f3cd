"""The configuration: a strict file, and an environment that overrides it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from selfserve.errors import BadInputError
from selfserve.usecases.targets.config_file import profiles_folder
from selfserve.usecases.targets.settings import Settings, load_settings

CONFIG = """\
default: aws
targets:
  aws:
    region: eu-west-1
    bucket: team-bucket
    team: ranking
    subnets: [subnet-1, subnet-2]
  staging: {bucket: staging-bucket, installation: staging, account: "123456789012"}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def _load(path: Path, text: str | None = None, **environ: str) -> Settings:
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return load_settings({"SELFSERVE_CONFIG": str(path), **environ})


def test_without_a_file_the_default_is_this_machine(path: Path) -> None:
    settings = _load(path, SELFSERVE_USER="ada@example.com")

    assert (settings.default_on, settings.targets) == ("local", {})
    assert settings.user == "ada@example.com"


def test_an_empty_file_is_as_good_as_none(path: Path) -> None:
    assert _load(path, "# nothing yet\n").default_on == "local"
    assert _load(path, "").default_on == "local"


def test_the_file_names_targets(path: Path) -> None:
    settings = _load(path, CONFIG)

    assert settings.default_on == "aws"
    assert settings.targets["aws"].subnets == ("subnet-1", "subnet-2")
    assert settings.targets["aws"].installation == "main"
    assert settings.targets["staging"].account == "123456789012"


def test_the_environment_overrides_the_file(path: Path) -> None:
    settings = _load(path, CONFIG, SELFSERVE_ON="local", SELFSERVE_BUCKET="other-bucket")

    assert settings.default_on == "local"
    assert settings.bucket == "other-bucket"


@pytest.mark.parametrize(
    "environ",
    [{"AWS_REGION": "eu-west-3"}, {"AWS_DEFAULT_REGION": "eu-west-3"}],
)
def test_the_region_is_the_one_of_awss_own_variables(
    path: Path, environ: Mapping[str, str]
) -> None:
    assert _load(path, None, **environ).region == "eu-west-3"


def test_a_login_name_is_made_fit_for_cluster_names(path: Path) -> None:
    assert _load(path, SELFSERVE_USER="DOMAIN\\ada smith").user == "DOMAIN-ada-smith"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "defaul: aws\n", "config.yaml:1.*unknown key.*did you mean 'default'", id="key"
        ),
        pytest.param(
            "targets:\n  aws:\n    buket: a-bucket\n",
            "config.yaml:3.*targets.aws.buket.*did you mean 'bucket'",
            id="nested-key",
        ),
        pytest.param("targets: {aws: {bucket: UPPER}}\n", "targets.aws.bucket", id="bucket"),
        pytest.param("targets: {aws: {account: 12}}\n", "targets.aws.account", id="type"),
        pytest.param("default: [\n", "not YAML", id="syntax"),
        pytest.param("default: aws\ndefault: local\n", "given twice", id="duplicate"),
        pytest.param("x: !!python/name:os.system\n", "tag", id="python-tag"),
        pytest.param("just text\n", "config.yaml", id="not-a-map"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInputError, match=f"(?s){said}") as caught:
        _load(path, text)

    assert str(path) in caught.value.hint


def test_all_problems_of_a_file_come_at_once(path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        _load(path, "defaul: aws\ntargets: {aws: {buket: b}}\n")

    assert "defaul" in str(caught.value)
    assert "buket" in str(caught.value)


def test_a_file_that_is_not_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(BadInputError, match="Cannot read"):
        _load(path)


def test_own_profiles_are_beside_the_configuration(path: Path) -> None:
    folder = profiles_folder({"SELFSERVE_CONFIG": str(path)})

    assert folder == path.parent / "cluster_profiles"
