"""The logs of one cluster's steps: written beside the process, published to the lake.

A log that cannot be published never changes how a step ends; the daemon's log
says what went wrong.
"""

import logging
from pathlib import Path

from selfserve.errors import SelfserveError
from selfserve.local.control.clock import system_now
from selfserve.local.control.records import ClusterRecord, StepRecord
from selfserve.local.lake.folders import Lake
from selfserve.local.steps.command import StepCommand
from selfserve.local.steps.logs import (
    STREAMS,
    begin_controller,
    end_controller,
    publish,
    refuse_in_controller,
)

_log = logging.getLogger(__name__)
_Sizes = tuple[int, ...]


class StepJournal:
    """Writes the controller log of a step, and publishes all its logs."""

    def __init__(self, folder: Path, lake: Lake, cluster: ClusterRecord, step: StepRecord) -> None:
        self._folder = folder
        self._lake = lake
        self._cluster = cluster
        self._step = step
        self._published: _Sizes = ()

    def begin(self, command: StepCommand) -> None:
        """Say what is run. Raises OSError."""
        begin_controller(self._folder, self._cluster, self._step, command, now=system_now())

    def refuse(self, reason: str) -> None:
        """Say why nothing was run, and publish that."""
        try:
            refuse_in_controller(self._folder, self._step, reason, now=system_now())
        except OSError as error:
            self._complain(error)
        self.publish()

    def end(self, exit_code: int | None) -> None:
        """Say how it ended, and publish the whole."""
        try:
            end_controller(self._folder, self._step, exit_code, now=system_now())
        except OSError as error:
            self._complain(error)
        self.publish()

    def publish(self) -> None:
        """Publish what there is, if it has grown since the last time."""
        sizes = tuple(_size(self._folder / stream) for stream in STREAMS)
        if sizes == self._published:
            return
        log_uri = self._cluster.request.get("LogUri")
        try:
            publish(log_uri, self._cluster.id, self._step.id, folder=self._folder, lake=self._lake)
        except (SelfserveError, OSError) as error:
            self._complain(error)
        else:
            self._published = sizes

    def _complain(self, error: Exception) -> None:
        _log.warning("logs of step %s of %s: %s", self._step.id, self._cluster.id, error)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
