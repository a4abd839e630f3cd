"""What every test gets: no way to reach real AWS, and no configuration of the machine's user.

And for those that ask: one local endpoint per test process, ended with its processes.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from homes import processes_of
from selfserve.local import daemon_client
from selfserve.local.endpoint import LocalEndpoint
from selfserve.local.home import Home

# No deadline: a slow machine is not a failure. No database: a test leaves no file behind.
settings.register_profile(
    "selfserve",
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("selfserve")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes first: the short ones at the end keep every worker at work."""
    with_spark = {item.path for item in items if item.get_closest_marker("spark")}

    def rank(item: pytest.Item) -> int:
        return 0 if item.path in with_spark else 1 if "faults" in item.path.parts else 2

    items.sort(key=rank)


_KEPT = {"SELFSERVE_CACHE", "SELFSERVE_UPDATE_GOLDEN"}


_NOBODYS_HOME = f"{os.devnull}/home"
"""A test that needs a local target has to bring one: never start the user's own."""


@pytest.fixture(autouse=True)
def fake_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a real AWS call impossible even if moto is not active."""
    foreign = [name for name in os.environ if name.startswith(("AWS_", "BOTO_", "SELFSERVE_"))]
    for name in foreign:
        if name not in _KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("SELFSERVE_LOCAL_HOME", _NOBODYS_HOME)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEndpoint]:
    """A running local endpoint that the tests of this process share."""
    home = Home(tmp_path_factory.mktemp("local") / "home")
    with pytest.MonkeyPatch.context() as environment:
        # Others' tests may take so long in between that it would end itself.
        environment.setenv("SELFSERVE_LOCAL_IDLE_EXIT_S", "7200")
        running = daemon_client.ensure_running(home)
    yield running
    daemon_client.stop(home)
    assert processes_of(home.root) == []
