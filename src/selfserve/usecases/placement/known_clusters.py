"""What this machine remembers of live clusters, so that the next submission need not ask.

A memory may be wrong at any time: a step for a cluster that has ended is refused
by EMR, and then the cluster is looked for as if nothing had been remembered. The
lease that somebody else has written since is read again.
"""

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfserve.core import lease as leases
from selfserve.core.program import PythonTarget
from selfserve.core.run import HourlyCost
from selfserve.packing.caches import write_whole
from selfserve.usecases.placement.destination import Destination
from selfserve.usecases.placement.leases import Version
from selfserve.usecases.targets.target import Target

_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Known:
    """A live cluster, as it was when this machine last submitted to it."""

    destination: Destination
    lease: Version


def recall(target: Target, wanted: str) -> Known | None:
    """The live cluster that `wanted` was the last time, if this machine has seen it."""
    try:
        return _parse(_file(target, wanted).read_bytes())
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError):
        return None  # a memory that cannot be read, or is another version's, is none


def _parse(text: bytes) -> Known | None:
    found: dict[str, Any] = dict(json.loads(text))  # see `remember`
    if found.pop("format", None) != _FORMAT:
        return None
    lease, etag = found.pop("lease"), found.pop("etag")
    python, cost = found.pop("python"), found.pop("hourly_cost")
    destination = Destination(
        **{**found, "applications": tuple(found["applications"])},
        python=PythonTarget(**python) if python else None,
        hourly_cost=HourlyCost.of_text(**cost) if cost else None,
    )
    return Known(destination, Version(leases.from_bytes(lease.encode()), etag))


def remember(target: Target, wanted: str, destination: Destination, lease: Version) -> None:
    """Keep what is known of a live cluster; not at any price, since it is only a cache."""
    facts = asdict(destination)
    del facts["resolved"]
    written = leases.to_bytes(lease.lease, by=target.user).decode()
    text = json.dumps(
        {"format": _FORMAT, "lease": written, "etag": lease.etag, **facts}, default=str
    )
    path = _file(target, wanted)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)


def forget(target: Target, wanted: str) -> None:
    """What was remembered is wrong."""
    with contextlib.suppress(OSError):
        _file(target, wanted).unlink(missing_ok=True)


def _file(target: Target, wanted: str) -> Path:
    whose = (target.label, target.region, target.bucket, target.installation, target.user, wanted)
    digest = hashlib.sha256("\0".join((str(target.state), *whose)).encode()).hexdigest()
    return target.cache / "clusters" / f"{digest[:32]}.json"
