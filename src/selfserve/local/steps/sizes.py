"""Fit what a job asks for, sized for EMR's machines, to the Workers of this one. Pure.

A standalone Master waits for ever for a Worker that is large enough, so nothing
may ask for more than there is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from selfserve.local.steps.command import StepContext

_MEMORY = re.compile(r"\s*(\d+)\s*([kmgtp]?)b?\s*", re.IGNORECASE)
_MIB_EXPONENT = {"k": -1, "m": 0, "": 0, "g": 1, "t": 2, "p": 3}
_DYNAMIC = "spark.dynamicAllocation"
_TRACKS_SHUFFLES = (3, 0)
"""The Spark version from which dynamic allocation needs no shuffle service on the Workers."""
_LEAST_EXECUTOR_MIB = 512
"""Spark refuses executors with less than 450 MiB."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Settings as they fit, replacing those of the same names, and what was changed."""

    conf: Mapping[str, str]
    notes: tuple[str, ...]


def fit_sizes(conf: Mapping[str, str], context: StepContext) -> Sizes:
    """The sizes of executors and driver; steps that run at once share the machine evenly.

    What is shared is all that the cluster may grow to, not what it has at the moment.
    """
    share = max(1, context.cluster.step_concurrency)
    total_cores = max(1, context.most_workers * context.worker_cores // share)
    executor_memory = max(_LEAST_EXECUTOR_MIB, context.worker_memory_mib // share)
    fitted = _Fitting(conf)
    most_cores = min(context.worker_cores, total_cores)
    fitted.cap_count("spark.executor.cores", most_cores)
    cores = fitted.count("spark.executor.cores") or most_cores
    fitted.cap_count("spark.task.cpus", cores)
    default_memory = max(_LEAST_EXECUTOR_MIB, executor_memory * cores // context.worker_cores)
    fitted.cap_memory("spark.executor.memory", executor_memory, default=default_memory)
    fitted.cap_memory("spark.driver.memory", context.driver_memory_mib)
    fitted.cap_total_cores(cores, total_cores)
    if _allocates_dynamically(conf, context):
        fitted.allocate_dynamically(cores, context)
    return Sizes(fitted.conf, tuple(fitted.notes))


def _allocates_dynamically(conf: Mapping[str, str], context: StepContext) -> bool:
    """On unless the job or its cluster turns it off, as on EMR; older Sparks only if told to."""
    tracks = tuple(int(part) for part in context.spark.split(".")[:2]) >= _TRACKS_SHUFFLES
    return conf.get(f"{_DYNAMIC}.enabled", str(tracks)).strip().lower() == "true"


class _Fitting:
    """The settings asked for, and the fitted ones, one after the other."""

    def __init__(self, asked: Mapping[str, str]) -> None:
        self._asked = asked
        self.conf: dict[str, str] = {}
        self.notes: list[str] = []

    def count(self, name: str) -> int | None:
        value = self.conf.get(name, self._asked.get(name, "")).strip()
        return int(value) if value.isdigit() else None

    def cap_count(self, name: str, most: int) -> None:
        asked = self.count(name)
        if asked is not None and asked > most:
            self._change(name, str(most))

    def cap_memory(self, name: str, most_mib: int, default: int | None = None) -> None:
        asked = parse_mib(self._asked.get(name, ""))
        if asked is not None and asked > most_mib:
            self._change(name, f"{most_mib}m")
        elif name not in self._asked and default is not None:
            self.conf[name] = f"{default}m"

    def cap_total_cores(self, executor_cores: int, most: int) -> None:
        """`spark.executor.instances` is YARN's way to say what `spark.cores.max` says here."""
        instances = self.count("spark.executor.instances")
        asked = instances * executor_cores if instances else self.count("spark.cores.max")
        if asked is not None and asked > most:
            named = "spark.executor.instances" if instances else "spark.cores.max"
            self.notes.append(
                f"{named} {self._asked[named]} is more than this machine has: {most} cores in all."
            )
        self.conf["spark.cores.max"] = str(min(asked or most, most))

    def allocate_dynamically(self, cores: int, context: StepContext) -> None:
        """Executors come while tasks wait, and go when idle: what the Workers' number follows.

        At the start there is one wherever there is room, so that a short job need not wait
        for tasks to pile up. Sizes are exact, as Spark counts executors and not cores.
        """
        self.conf[f"{_DYNAMIC}.enabled"] = "true"
        self.conf[f"{_DYNAMIC}.shuffleTracking.enabled"] = "true"
        self.conf["spark.executor.cores"] = str(cores)
        asked = (f"{_DYNAMIC}.initialExecutors", f"{_DYNAMIC}.maxExecutors")
        if "spark.executor.instances" in self._asked or any(map(self._asked.get, asked)):
            return
        room = context.workers * (context.worker_cores // cores)
        share = int(self.conf["spark.cores.max"]) // cores
        self.conf[f"{_DYNAMIC}.initialExecutors"] = str(max(1, min(room, share)))

    def _change(self, name: str, value: str) -> None:
        self.conf[name] = value
        self.notes.append(f"{name} {self._asked[name]} does not fit this machine: {value} here.")


def parse_mib(text: str) -> int | None:
    """Spark's way to write memory, such as 4g or 512 (MiB), in MiB; None if it is none."""
    match = _MEMORY.fullmatch(text)
    if match is None:
        return None
    return int(int(match[1]) * 1024.0 ** _MIB_EXPONENT[match[2].lower()])
