"""The world of one schedule: EMR, S3, and the processes that use the product in it.

The product's code is the real one. Replaced are only its backend, store, clock and
monotonic clock, random ids, and the rendering of profiles, which is done once and kept.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from greenlet import getcurrent, greenlet

from schedules.bucket import TrueBucket
from schedules.chance import Chance
from schedules.process import CLOCK_ERROR, Process, ProcessClock, Weather
from schedules.timeline import Timeline
from schedules.truth import TrueEmr
from schedules.wire import WireBackend, WireStore
from selfserve.core.launch import LaunchSpec
from selfserve.core.resolve import Resolved
from selfserve.usecases.launches import launching
from selfserve.usecases.launches.launching import Intent
from selfserve.usecases.launches.shipped import read_bootstrap_script
from selfserve.usecases.placement import leases
from selfserve.usecases.targets.target import AWS_PACE, Place, Target
from targets import write_profiles

POOL = """\
extends: _base
description: For schedules.
spark: 3.5.6
applications: [Spark]
nodes:
  primary: {{types: [m7g.xlarge]}}
  core: {{types: [r7g.2xlarge], count: 2}}
step_concurrency: {concurrency}
shared: {shared}
shutdown: {{idle: {idle_minutes}m, max_age: {max_age_minutes}m}}
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between the profiles of schedules."""

    idle_minutes: int = 20
    max_age_minutes: int = 24 * 60
    concurrency: int = 1
    shared: bool = False


@cache
def profile(kind: Kind) -> Resolved:
    """The profile `pool` of this kind."""
    text = POOL.format(
        idle_minutes=kind.idle_minutes,
        max_age_minutes=kind.max_age_minutes,
        concurrency=kind.concurrency,
        shared=str(kind.shared).lower(),
    )
    with TemporaryDirectory() as folder:
        return write_profiles(Path(folder), pool=text).resolve("pool", [])


class House:
    """One world. Processes are started in it with `start`."""

    def __init__(self, kind: Kind, weather: Weather, chance: Chance, *, traced: bool) -> None:
        self.kind = kind
        self.weather = weather
        self.chance = chance
        self.timeline = Timeline()
        self.emr = TrueEmr(self.timeline)
        self.bucket = TrueBucket(self.timeline, self.emr)
        self.trace: list[str] | None = [] if traced else None
        self.processes: list[Process] = []

    @property
    def resolved(self) -> Resolved:
        """The profile that everybody uses."""
        return profile(self.kind)

    def start(
        self,
        time: float,
        name: str,
        work: Callable[[Target], None],
        *,
        user: str = "ada",
        lasts: float = 300.0,
        may_kill: bool = False,
        weather: Weather | None = None,
    ) -> Process:
        """Begin a process at `time` that does `work`, whose steps take `lasts` seconds."""
        process = Process(
            name=name,
            timeline=self.timeline,
            stream=self.chance.stream(name),
            weather=weather or self.weather,
            log=self.trace,
            began=time,
        )
        error, hour, _ = process.stream.draw()
        process.clock_error = CLOCK_ERROR * (2 * error - 1)
        hour_off = 3600.0 if hour > 0.5 else -3600.0
        clock = ProcessClock(process, hour_off if process.weather.hour_off else process.clock_error)
        target = self.target(
            user, WireBackend(process, self.emr, lasts=lasts, may_kill=may_kill),
            WireStore(process, self.bucket), clock,
        )  # fmt: skip

        def run() -> None:
            _RUNNING[getcurrent()] = process
            process.note("begins")
            work(target)
            process.is_done = True
            process.ended = self.timeline.now
            process.note("is done")

        self.timeline.start(time, run)
        self.processes.append(process)
        return process

    def target(self, user: str, backend: Any, store: Any, clock: Any) -> Target:
        """The place, with these connections."""
        return Target(
            kind="aws",
            label="aws",
            region="eu-west-1",
            bucket="lake",
            installation="main",
            user=user,
            find_account=lambda: "123456789012",
            backend=backend,
            store=store,
            clock=clock,
            pace=AWS_PACE,
            cache=Path("/dev/null/none"),  # this machine remembers no clusters
        )

    def spec(self, owner: str, name: str, launch_id: str) -> LaunchSpec:
        """What a launch by `owner` would ask for."""
        place = self.target(owner, None, None, None)
        return _spec_once(Intent(resolved=self.resolved, name=name), place, launch_id)


_SPECS: dict[tuple[Any, ...], LaunchSpec] = {}
_spec = Intent.spec


def _spec_once(intent: Intent, place: Place, launch_id: str) -> LaunchSpec:
    """`Intent.spec`, which takes longer than a whole schedule, once for each profile and user."""
    key = (id(intent.resolved), place.user)
    if key not in _SPECS:
        _SPECS[key] = _spec(intent, place, launch_id)
    known = _SPECS[key]
    name = replace(known.name, name=intent.name, launch_id=launch_id)
    return replace(known, name=name, steps=intent.steps, keep_alive=intent.keep_alive)


_read_script = cache(read_bootstrap_script)


_RUNNING: WeakKeyDictionary[greenlet, Process] = WeakKeyDictionary()


def _monotonic() -> float:
    """A clock that stands still while the machine sleeps."""
    process = _RUNNING[getcurrent()]
    return process.timeline.now - process.suspended


@contextmanager
def product(house: House, seed: int) -> Iterator[None]:
    """The product, with what is replaced in it."""
    ids = Random(seed)

    def token_hex(size: int) -> str:
        return f"{ids.getrandbits(8 * size):0{2 * size}x}"

    with ExitStack() as changes:
        changes.enter_context(patch.object(secrets, "token_hex", token_hex))
        changes.enter_context(patch.object(Intent, "spec", _spec_once))
        changes.enter_context(patch.object(launching, "read_bootstrap_script", _read_script))
        changes.enter_context(patch.object(leases, "time", SimpleNamespace(monotonic=_monotonic)))
        try:
            yield
        finally:
            house.timeline.end()
