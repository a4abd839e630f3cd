"""The HTTP conversation with a coordinator: what is repeated, and in whose headers.

The `trino` package repeats a POST whose answer was lost, which may start a query twice, and
does not repeat a GET whose answer broke off half way. So it is told not to repeat anything,
and this session does: see `CoordinatorSession.send`.

PrestoDB and PrestoSQL before 351 speak the same protocol with X-Presto-… headers. They are
renamed here, both ways. The alternative, presto-python-client, has had no release since 2021
and knows neither parameters nor the types since.
"""

import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import requests
from urllib3.exceptions import NewConnectionError

_BUSY = {
    429,
    502,
    503,
    504,
}  # "try again": https://trino.io/docs/current/develop/client-protocol.html
_REPEATABLE = {"GET", "HEAD", "DELETE"}
_ATTEMPTS_ONCE_CANCELLED = 2  # for the DELETE
_TRINO, _PRESTO = "X-Trino-", "X-Presto-"
_SPOOLING = "X-Trino-Query-Data-Encoding"
STARTING = "still initializing"
"""What a coordinator says of itself until it takes queries."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on asking a coordinator that does not answer as it should."""

    attempts: int = 8
    """Requests in all: about 15 seconds with the waits below, if each fails at once."""
    repeated_within_s: float = 60.0
    """After it nothing is repeated any more, such as on a line that does not say a word."""
    first_wait_s: float = 0.1
    """Before the first repetition; each later wait is twice as long, up to `longest_wait_s`."""
    longest_wait_s: float = 5.0
    starting_s: float = 300.0
    """For a coordinator that says that it is starting."""
    absent_s: float = 90.0
    """For one that does not answer yet, before the first statement."""
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 90.0
    """Coordinators answer within a second or two, whatever the query; a full collection of a
    large heap takes longer."""
    cancel_s: float = 5.0
    """For the request that ends a query: who has pressed Ctrl-C wants to leave."""

    def wait_s(self, attempt: int) -> float:
        """How long to wait after this attempt, which counts from 1."""
        return min(self.first_wait_s * float(2 ** (attempt - 1)), self.longest_wait_s)


class CoordinatorSession(requests.Session):
    """Requests to one coordinator, wherever an answer says that the next page is."""

    def __init__(self, url: str, *, presto_headers: bool, patience: Patience) -> None:
        super().__init__()
        self.trust_env = False  # neither a proxy nor ~/.netrc concerns the end of our tunnel
        self.cancelled = threading.Event()
        """Set: waits end at once, and nothing is repeated any more."""
        self.at = urlsplit(url)
        """Where every request goes."""
        self._presto = presto_headers
        self._patience = patience

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
        """Send a request; again if that is harmless.

        Repeated are: every request to which the coordinator answers that it is busy; GETs of
        pages and DELETEs, which the protocol makes idempotent, if their answer is lost, broken
        or empty; a POST only if it was certainly never sent.
        """
        self._address(request)
        if request.method == "DELETE":
            options["timeout"] = self._patience.cancel_s
        started, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            try:
                response = super().send(request, **options)
            except requests.RequestException as error:
                if self._is_last(request, attempt, started) or not _may_repeat(request, error):
                    raise
            else:
                if self._is_final(request, response, attempt, started):
                    return self._understood(response)
            self.cancelled.wait(self._patience.wait_s(attempt))

    def _is_final(
        self,
        request: requests.PreparedRequest,
        response: requests.Response,
        attempt: int,
        started: float,
    ) -> bool:
        """Whether this response is the one to go by."""
        if not _asks_again(request, response):
            return True
        if _is_starting(response) and not self.cancelled.is_set():
            return time.monotonic() - started > self._patience.starting_s
        return self._is_last(request, attempt, started)

    def _is_last(self, request: requests.PreparedRequest, attempt: int, started: float) -> bool:
        patience, is_cancelled = self._patience, self.cancelled.is_set()
        within_s = patience.cancel_s if request.method == "DELETE" else patience.repeated_within_s
        most = _ATTEMPTS_ONCE_CANCELLED if is_cancelled else patience.attempts
        return attempt >= most or time.monotonic() - started >= within_s

    def _address(self, request: requests.PreparedRequest) -> None:
        """To this end of the tunnel, in the engine's own headers.

        A coordinator makes the addresses of pages from the Host header, and behind some
        proxies from its own name, which means nothing here.
        """
        asked = urlsplit(request.url)
        request.url = urlunsplit((self.at.scheme, self.at.netloc, *asked[2:]))
        # Pages come in the answers themselves. Spooled ones lie elsewhere, where no tunnel leads.
        request.headers.pop(_SPOOLING, None)
        if self._presto:
            for name in [name for name in request.headers if name.startswith(_TRINO)]:
                request.headers[name.replace(_TRINO, _PRESTO, 1)] = request.headers.pop(name)

    def _understood(self, response: requests.Response) -> requests.Response:
        if self._presto:
            for name in [name for name in response.headers if name.startswith(_PRESTO)]:
                value = response.headers.pop(name)
                response.headers[name.replace(_PRESTO, _TRINO, 1)] = value
        return response


def never_sent(error: Exception) -> bool:
    """Whether a request failed before any of it reached the coordinator."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _may_repeat(request: requests.PreparedRequest, error: requests.RequestException) -> bool:
    return request.method in _REPEATABLE or never_sent(error)


def _asks_again(request: requests.PreparedRequest, response: requests.Response) -> bool:
    if response.status_code in _BUSY:
        return True
    return request.method == "GET" and response.status_code == 200 and not response.content


def _is_starting(response: requests.Response) -> bool:
    return response.status_code == 503 and STARTING in response.text
