"""What can go wrong between a client and AWS, as data; `proxy.py` lets it happen."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from html import escape

FOREVER = 10**9
ANY_CHANGE = "any change"
"""As the `at` of a fault: whatever changes something."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a client."""

    service: str
    """As it is signed for, such as `elasticmapreduce`."""
    name: str
    """EMR's operation, or S3's method and key: `RunJobFlow`, `PUT selfserve/names/ada/x.json`."""
    body: bytes = field(default=b"", repr=False)

    @property
    def changes_state(self) -> bool:
        """Whether something is another way afterwards."""
        if self.service == "s3":
            return not self.name.startswith(("GET ", "HEAD "))
        return not self.name.startswith(("Describe", "List", "Get"))


class What(StrEnum):
    """What becomes of one call."""

    LATE = "the answer comes late"
    DRIPPING = "the answer comes byte by byte"
    RESET_BEFORE = "the connection is reset before the request has gone on"
    RESET_AFTER = "the request takes effect; the connection is reset before the answer"
    HALF_ANSWER = "the request takes effect; the connection is reset within the answer"
    SILENT_BEFORE = "nothing happens and nobody answers until the client has had enough"
    SILENT_AFTER = "the request takes effect and nobody answers until the client has had enough"
    REFUSED_BEFORE = "AWS answers with an error"
    REFUSED_AFTER = "the request takes effect and AWS answers with an error"
    HALF_REQUEST = "the connection is reset when half of the request has come"
    TWICE = "the request is delivered twice; the client gets the second answer"
    KILL_BEFORE = "the client is killed before the request has gone on"
    KILL_AFTER = "the request takes effect; the client is killed before the answer"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of AWS's, or, without a code, a page of some machine before it."""

    code: str
    status: int
    message: str = "This is a test."
    s3_code: str = ""
    """Where S3 calls it something else."""

    def body(self, service: str) -> bytes:
        """The answer in the words of the service."""
        if not self.code:
            return b"<html><body><h1>502 Bad Gateway</h1></body></html>"
        if service == "elasticmapreduce":
            return json.dumps({"__type": self.code, "message": self.message}).encode()
        code, message = escape(self.s3_code or self.code), escape(self.message)
        return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


BAD_GATEWAY = Refusal("", 502)
INTERNAL = Refusal("InternalServerException", 500)
UNAVAILABLE = Refusal("ServiceUnavailable", 503)
THROTTLED = Refusal("ThrottlingException", 400, "Rate exceeded")
SLOW_DOWN = Refusal("SlowDown", 503, "Please reduce your request rate.")
EXPIRED = Refusal(
    "ExpiredTokenException", 400, "The security token is expired", s3_code="ExpiredToken"
)
CONFLICT = Refusal("ConditionalRequestConflict", 409)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with some of the calls whose name matches `at`, a shell pattern."""

    at: str
    what: What
    nth: int = 1
    """The first of the matching calls that it happens to."""
    times: int = 1
    """How many of them, from then on."""
    refusal: Refusal = INTERNAL
    spreads: bool = False
    """Whether every later call meets with it too, whatever it is."""

    def strikes(self, number: int) -> bool:
        """Whether it happens to the `number`th of the calls that count."""
        return self.nth <= number < self.nth + self.times

    def matches(self, call: Call) -> bool:
        """Whether `call` is one of those it may happen to."""
        if self.at == ANY_CHANGE:
            return call.changes_state
        return fnmatchcase(call.name, self.at)


@dataclass(frozen=True, slots=True)
class LateListing:
    """A listing that leaves out for `calls` calls what has come after all was well."""

    listing: str
    """`ListClusters` or `ListSteps`."""
    calls: int


@dataclass
class Bucket:
    """A token bucket: so many at once, then so many a second."""

    burst: float
    refill: float
    tokens: float = field(init=False)
    filled: datetime | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, now: datetime) -> bool:
        """Take a token if there is one."""
        if self.filled is not None:
            more = max((now - self.filled).total_seconds(), 0) * self.refill
            self.tokens = min(self.burst, self.tokens + more)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


# Refill rates and bursts of one account and Region, as Amazon EMR publishes them; where no burst
# is given, it is taken to be what AddTags has. https://docs.aws.amazon.com/general/latest/gr/emr.html
_REFILL = {
    "DescribeCluster": 1.0,
    "DescribeStep": 0.5,
    "ListClusters": 0.5,
    "ListSteps": 0.5,
    "ListInstances": 0.5,
    "ListInstanceFleets": 0.5,
    "ListInstanceGroups": 1.0,
    "RunJobFlow": 0.5,
    "AddJobFlowSteps": 0.5,
    "AddTags": 0.5,
    "TerminateJobFlows": 0.5,
    "CancelSteps": 0.5,
    "SetTerminationProtection": 0.2,
    "PutManagedScalingPolicy": 0.5,
    "GetManagedScalingPolicy": 0.5,
}
_BURST = {"AddJobFlowSteps": 10.0, "CancelSteps": 10.0}
_OTHER_BURST = 5.0


@dataclass(frozen=True, slots=True)
class EmrRates:
    """EMR's own limits on how often it may be asked."""

    now: Callable[[], datetime]
    buckets: Mapping[str, Bucket] = field(
        default_factory=lambda: {
            operation: Bucket(_BURST.get(operation, _OTHER_BURST), refill)
            for operation, refill in _REFILL.items()
        }
    )

    def admits(self, call: Call) -> bool:
        """Whether this call is within the limits; it counts."""
        bucket = self.buckets.get(call.name)
        return bucket is None or bucket.take(self.now())

    def use_up(self, *operations: str) -> None:
        """Somebody else in the account has just asked as often as EMR admits."""
        for operation in operations:
            bucket = self.buckets[operation]
            bucket.tokens, bucket.filled = 0.0, self.now()
