"""Targets in memory, and a small profile, for tests of use cases and commands."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from fakes import FakeBackend, FakeClock, MemoryStore
from selfserve.core.resolve import Resolved, parse_override
from selfserve.usecases.profiles import ProfileBook
from selfserve.usecases.targets.target import AWS_PACE, LOCAL_PACE, Place, Target

BASE = """\
shutdown: {idle: 1h, max_age: 24h}
iam: {service_role: EMR_DefaultRole_V2, instance_profile: EMR_EC2_DefaultRole}
bootstrap:
  max-age: {script: max-age.sh, args: ["{{ max_age_seconds }}"]}
  busy-probe: {script: busy-probe.py, args: ["s3://{{ bucket }}/selfserve/beats/"]}
logs: s3://{{ bucket }}/selfserve/emr-logs/
tags:
  owner: "{{ user }}"
"""

SMALL = """\
extends: _base
description: A small cluster for tests.
spark: 3.5.6
applications: [Spark]
nodes:
  primary: {types: [m7g.xlarge]}
  core: {types: [r7g.2xlarge], count: 2}
  task: {types: [r7g.2xlarge], market: spot, fallback: on-demand}
scale: {min: 2, max: 10}
"""


_CACHES = TemporaryDirectory(prefix="selfserve-tests-")  # removed when the process ends


def write_profiles(folder: Path, **profiles: str) -> ProfileBook:
    """A folder of profiles that holds `_base`, `small` and whatever else is given."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"_base": BASE, "small": SMALL, **profiles}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return ProfileBook((("here", folder),))


def resolve_small(folder: Path, *settings: str) -> Resolved:
    """The profile `small`, changed by settings such as `nodes.core.count=4`."""
    return write_profiles(folder).resolve("small", [parse_override(text) for text in settings])


def make_target(
    *,
    kind: str = "local",
    user: str = "ada",
    clock: FakeClock | None = None,
    backend: FakeBackend | None = None,
    store: MemoryStore | None = None,
    cache: Path | None = None,
) -> Target:
    """A target whose clusters, objects and time are in memory."""
    clock = clock or FakeClock()
    return Target(
        kind=kind,
        label=kind,
        region="eu-west-1",
        bucket="memory",
        installation="main",
        user=user,
        find_account=lambda: "123456789012",
        backend=backend or FakeBackend(clock),
        store=store or MemoryStore(),
        clock=clock,
        pace=LOCAL_PACE if kind == "local" else AWS_PACE,
        cache=cache or Path(_CACHES.name) / secrets.token_hex(8),
    )


@dataclass
class FakeTargets:
    """What commands get as their targets: always the same one, whatever `--on` says."""

    target: Target = field(default_factory=make_target)
    is_running: bool = True
    """Whether the local daemon is up; `peek` must not start it, `open` does."""
    asked: list[str | None] = field(default_factory=list)
    """What `--on` said, in order."""

    def place(self, on: str | None) -> Place:
        """See Targets."""
        self.asked.append(on)
        return self.target

    def open(self, on: str | None) -> Target:
        """See Targets."""
        self.asked.append(on)
        self.is_running = True
        return self.target

    def peek(self, on: str | None) -> Target | None:
        """See Targets."""
        self.asked.append(on)
        return self.target if self.is_running else None
