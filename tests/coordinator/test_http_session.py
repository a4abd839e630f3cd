"""How long a coordinator that does not answer is asked."""

from dataclasses import replace

import pytest
import requests
from requests.adapters import BaseAdapter

from coordinator.conftest import PATIENT
from selfserve.coordinator.http_session import CoordinatorSession, Patience

URL = "http://127.0.0.1:8889"


class SilentLine(BaseAdapter):
    """Takes requests and never answers, without a wait."""

    def __init__(self) -> None:
        super().__init__()
        self.timeouts: list[object] = []
        """Of each request that came."""

    def send(self, *_: object, **options: object) -> requests.Response:
        self.timeouts.append(options["timeout"])
        raise requests.ReadTimeout("timed out")

    def close(self) -> None:
        pass


def session_on(line: SilentLine, patience: Patience) -> CoordinatorSession:
    session = CoordinatorSession(URL, presto_headers=False, patience=patience)
    session.mount("http://", line)
    return session


@pytest.mark.parametrize(
    ("method", "patience", "times"),
    [
        pytest.param("GET", PATIENT, 4, id="so-many-attempts"),
        pytest.param("GET", replace(PATIENT, repeated_within_s=0), 1, id="for-so-long"),
        pytest.param("DELETE", PATIENT, 4, id="an-end"),
        pytest.param("DELETE", replace(PATIENT, cancel_s=0), 1, id="an-end-for-so-long"),
        pytest.param("POST", PATIENT, 1, id="what-may-have-been-taken"),
    ],
)
def test_a_silent_line_is_given_up(method: str, patience: Patience, times: int) -> None:
    line = SilentLine()

    with session_on(line, patience) as session, pytest.raises(requests.ReadTimeout):
        session.request(method, f"{URL}/v1/statement", timeout=(10, 90))

    assert len(line.timeouts) == times


def test_who_ends_a_query_waits_for_seconds_only() -> None:
    line = SilentLine()

    with session_on(line, PATIENT) as session:
        session.cancelled.set()
        with pytest.raises(requests.ReadTimeout):
            session.delete(f"{URL}/v1/statement/q", timeout=(10, 90))

    assert line.timeouts == [5.0, 5.0]


def test_a_page_has_the_time_that_a_large_heap_may_take() -> None:
    line = SilentLine()

    with session_on(line, PATIENT) as session, pytest.raises(requests.ReadTimeout):
        session.get(f"{URL}/v1/statement/q", timeout=(10, 90))

    assert set(line.timeouts) == {(10, 90)}
