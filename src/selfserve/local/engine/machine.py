"""How much of this machine a local cluster gets.

`plan_workers` is pure; `this_machine` reads what the system, or the container
around us, grants.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

_MEMORY_SHARE = 0.6
"""All Workers of a cluster together; the rest is for drivers, the browser and the editor."""
_LEAST_WORKER_MIB = 1024
"""Spark refuses executors below about 450 MiB of heap, and Python needs some beside it."""
_GROWTH = 2
"""A cluster that scales starts with half of what it may take, so that one that has just started
is of use, and keeps the other half free to grow into. Workers keep their size for life."""
_MIB = 2**20
_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to share out."""

    cores: int
    memory_mib: int


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How many Spark Workers, and the size of each."""

    start: int
    """How many there are at the start."""
    count: int
    """The most that there may be; all of them together are what the cluster gets."""
    cores: int
    memory_mib: int
    driver_memory_mib: int
    """The most that one driver may ask for."""
    note: str | None = None
    """Said to the user when the machine is smaller than what was asked for."""

    def __str__(self) -> str:
        """Such as `1 worker with 1 core and 6.9 GiB each, up to 2`."""
        workers = "1 worker" if self.start == 1 else f"{self.start} workers"
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        size = f"{workers} with {cores} and {self.memory_mib / 1024:.1f} GiB each"
        if self.count > self.start:
            size = f"{size}, up to {self.count} as the load asks"
        return f"{size} ({self.note})" if self.note else size


def plan_workers(machine: Machine, wanted: int, most: int = 0) -> WorkerPlan:
    """Share the machine out to `wanted` Workers, or to as many as it can carry; at least one.

    With `most` above `wanted`, more can come later: the machine is shared out to
    those as well, up to twice as many as at the start. Cores are rounded, so all
    Workers together may have up to a third more than there are; memory never.
    """
    budget = int(machine.memory_mib * _MEMORY_SHARE)
    capacity = max(1, min(machine.cores, budget // _LEAST_WORKER_MIB))
    # A cluster of a primary node only still runs jobs: on EMR, on the primary itself.
    start = max(1, min(wanted, capacity))
    count = max(start, min(most, capacity, _GROWTH * start))
    note = None
    if wanted > capacity:
        note = (
            f"this machine ({machine.cores} cores, {machine.memory_mib / 1024:.0f} GiB) "
            f"carries {start} of {wanted} workers"
        )
    return WorkerPlan(
        start=start,
        count=count,
        cores=max(1, (2 * machine.cores + count) // (2 * count)),
        memory_mib=max(_LEAST_WORKER_MIB // 2, budget // count),
        driver_memory_mib=max(_LEAST_WORKER_MIB // 2, machine.memory_mib // 4),
        note=note,
    )


def this_machine() -> Machine:
    """The cores this process may use, and the memory of the machine or of our container."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    memory = min([psutil.virtual_memory().total, *_cgroup_limits()])
    return Machine(cores=cores, memory_mib=memory // _MIB)


def _cgroup_limits() -> list[int]:
    limits = []
    for path in _CGROUP_LIMITS:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue  # another operating system, or the other cgroup version
        if text.isdigit():
            limits.append(int(text))
    return limits
