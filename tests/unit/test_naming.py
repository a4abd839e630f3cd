"""Names that find clusters and files again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfserve.core import naming
from selfserve.core.naming import ClusterName, is_name_part, to_name_part

NAME = ClusterName("lab", "spark-ml", "ada@example.org", "mine", "20261121-a1b2c3")


def test_a_name_is_read_back_as_it_was_written() -> None:
    assert str(NAME) == "selfserve/lab/spark-ml/ada@example.org/mine/20261121-a1b2c3"
    assert ClusterName.parse(str(NAME)) == NAME


def test_the_longest_name_fits_into_emr() -> None:
    assert len(str(ClusterName(*["x" * 48] * 5))) <= 256


@pytest.mark.parametrize(
    "text",
    [
        "",
        "my cluster",
        "selfserve/lab/spark-ml/ada/mine",
        "selfserve/lab/spark-ml/ada/mine/id/more",
        "other/lab/spark-ml/ada/mine/id",
        "selfserve/lab//ada/mine/id",
        "selfserve/lab/-x/ada/mine/id",
        "selfserve/lab/a b/ada/mine/id",
    ],
)
def test_what_is_not_ours_is_no_name(text: str) -> None:
    assert ClusterName.parse(text) is None


@pytest.mark.parametrize("part", ["", "a/b", "a b", "<x>", "$x", "-x", "x" * 49])
def test_a_part_that_emr_or_the_slashes_would_garble_is_a_bug(part: str) -> None:
    with pytest.raises(ValueError, match="cannot be part of a cluster's name"):
        ClusterName("lab", part, "ada", "mine", "id")


@settings(deadline=None)  # CI machines pause
@given(st.text(max_size=80))
def test_every_login_becomes_a_part_of_a_name(login: str) -> None:
    assert is_name_part(to_name_part(login))


def test_tags_tell_what_the_name_tells() -> None:
    assert NAME.tags() == {
        "selfserve:installation": "lab",
        "selfserve:profile": "spark-ml",
        "selfserve:owner": "ada@example.org",
        "selfserve:name": "mine",
        "selfserve:launch-id": "20261121-a1b2c3",
    }


def test_keys_stay_below_our_prefix() -> None:
    keys = (
        naming.launch_key("id"),
        naming.claim_key("eu-west-1", "main", "ada", "mine"),
        naming.bootstrap_key("ff", "x.sh"),
        naming.package_key("ff", "deps.tar.gz"),
        naming.run_prefix("run"),
    )

    assert all(key.startswith("selfserve/") for key in keys)
    assert len(set(keys)) == len(keys)
