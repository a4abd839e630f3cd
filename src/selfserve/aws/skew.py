"""How far this machine's clock is off: AWS dates its answers, and AWS's time is what counts.

Amazon EMR says when a cluster was created and S3 when an object was written; a laptop
that is an hour off would take a busy cluster for a forgotten one.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

_MIDDLE_OF_ITS_SECOND = timedelta(seconds=0.5)  # the header has whole seconds, rounded down
_NOT_WORTH_CORRECTING = timedelta(seconds=3)  # what the header's seconds and a slow answer explain


class _Answer(Protocol):
    """What is wanted of botocore's AWSResponse."""

    @property
    def headers(self) -> Mapping[str, str]: ...


class Skew:
    """AWS's time minus this machine's, as the newest answer showed it."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or _read_clock
        self._seen = timedelta(0)

    def __call__(self) -> timedelta:
        """What to add to this machine's time; none before the first answer."""
        return self._seen

    def learn(self, *, http_response: _Answer, **_: object) -> None:
        """Take the time of one answer: a handler of botocore's event `after-call`."""
        seen = measure_skew(http_response.headers, now=self._now())
        if seen is not None:
            self._seen = seen


def measure_skew(headers: Mapping[str, str], *, now: datetime | None = None) -> timedelta | None:
    """AWS's time minus this machine's, by the Date of an answer that has just come.

    Returns:
        None for an answer without a readable Date; nothing for less than three seconds.
    """
    dated = next((text for name, text in headers.items() if name.lower() == "date"), "")
    try:
        date = parsedate_to_datetime(dated).astimezone(UTC)
    except ValueError:
        return None
    skew = date + _MIDDLE_OF_ITS_SECOND - (now or _read_clock())
    return skew if abs(skew) >= _NOT_WORTH_CORRECTING else timedelta(0)


def _read_clock() -> datetime:
    return datetime.now(UTC)
