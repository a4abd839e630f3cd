"""Bootstrap scripts are found as profiles are: nearest first."""

from pathlib import Path

import pytest

from selfserve.errors import BadInputError
from selfserve.usecases.launches.shipped import read_bootstrap_script


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SELFSERVE_CONFIG", str(tmp_path / "mine" / "config.yaml"))
    return tmp_path


def write(folder: Path, content: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / "max-age.sh").write_bytes(content)


def test_a_script_that_nobody_replaced_is_the_shipped_one() -> None:
    assert read_bootstrap_script("max-age.sh").startswith(b"#!/")


def test_the_users_own_script_goes_before_the_shipped_one(somewhere: Path) -> None:
    write(somewhere / "mine" / "bootstrap", b"mine")

    assert read_bootstrap_script("max-age.sh") == b"mine"


def test_the_script_here_goes_before_all(somewhere: Path) -> None:
    write(somewhere / "mine" / "bootstrap", b"mine")
    write(somewhere / "bootstrap", b"here")

    assert read_bootstrap_script("max-age.sh") == b"here"


def test_an_unknown_script_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInputError, match=r"did you mean 'max-age\.sh'") as caught:
        read_bootstrap_script("max-aeg.sh")

    assert "./bootstrap/" in caught.value.hint
