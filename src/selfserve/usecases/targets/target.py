"""Where clusters run, as use cases see it.

A Place is what a launch spec needs to know and costs nothing to find out; a
Target is a Place with connections. `plan` needs no more than a Place, so it
starts no daemon and needs no credentials.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from selfserve.packing.caches import cache_folder
from selfserve.usecases.targets.clock import Clock, SystemClock

if TYPE_CHECKING:  # a Place needs none of them, and a query on this machine no more than one
    from selfserve.backends.base import Backend, ObjectStore, Observer

LOCAL = "local"
AWS = "aws"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look while waiting: `quickest` at first, then ever slower to `slowest`."""

    quickest: timedelta
    slowest: timedelta
    appears_within: timedelta
    """A cluster that was asked for and is not listed after this long was never made."""
    usually_ready: str
    """How long a cluster usually takes to start, for people."""

    def steps(self) -> Iterator[timedelta]:
        """How long to wait before each look, without end."""
        pause = self.quickest
        while True:
            yield pause
            pause = min(pause * 1.2, self.slowest)


LOCAL_PACE = Pace(
    quickest=timedelta(milliseconds=300),
    slowest=timedelta(seconds=1),
    appears_within=timedelta(seconds=20),
    usually_ready="10 seconds; 1 to 3 minutes the first time a Spark version is used",
)
AWS_PACE = Pace(  # EMR admits one DescribeCluster a second and one ListClusters in two, per account
    quickest=timedelta(seconds=10),
    slowest=timedelta(seconds=30),
    appears_within=timedelta(minutes=3),
    usually_ready="6 to 10 minutes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere clusters can run, not yet connected to."""

    kind: str
    """`local` or `aws`."""
    label: str
    """What users type after `--on`."""
    region: str
    bucket: str
    installation: str
    user: str
    team: str | None = None
    subnets: tuple[str, ...] = ()
    security_configuration: str | None = None
    find_account: Callable[[], str] = field(repr=False)
    """Look the account's number up; costs a request on AWS, so only asked when needed."""

    @property
    def is_local(self) -> bool:
        """Whether clusters run on this machine, and cost nothing."""
        return self.kind == LOCAL

    def account(self) -> str:
        """The twelve digits of the AWS account."""
        return self.find_account()


def _no_observer() -> "Observer":
    from selfserve.usecases.targets.no_observer import NoObserver

    return NoObserver()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Place):
    """A Place with the connections that use cases work through."""

    backend: "Backend"
    store: "ObjectStore"
    observer: "Observer" = field(default_factory=_no_observer)
    clock: Clock = field(default_factory=SystemClock)
    pace: Pace = LOCAL_PACE
    cache: Path = field(default_factory=cache_folder)
    """Where this machine keeps what can be made again."""
    state: str = ""
    """What tells this target from others of the same label: the local one's own folder."""


class Targets(Protocol):
    """Finds targets by what `--on` says; None means the configured default."""

    def place(self, on: str | None) -> Place:
        """Find out where, without connecting."""

    def open(self, on: str | None) -> Target:
        """Connect; starts the local daemon if need be."""

    def peek(self, on: str | None) -> Target | None:
        """Connect if that starts nothing: None for a local target whose daemon is not running."""
