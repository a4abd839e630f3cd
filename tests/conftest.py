"""What every test gets: no way to reach real AWS, and no configuration of the machine's user."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def fake_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Make a real AWS call impossible even if moto is not active."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BOTO_", "SELFSERVE_"))]:
        if name != "SELFSERVE_UPDATE_GOLDEN":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    nowhere = str(Path(os.devnull))
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
