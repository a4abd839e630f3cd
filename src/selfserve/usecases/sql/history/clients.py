"""Who asks a query, and whether that process is still there to say what comes of it."""

import os
from dataclasses import replace

from selfserve.core.sql.records import Client, QueryRecord, QueryState

_CLOCK_SLACK_S = 1.0


def this_client() -> Client:
    """This process."""
    return Client(os.uname().nodename, os.getpid())


def as_seen_from_here(record: QueryRecord) -> QueryRecord:
    """The record; LOST if it says RUNNING and its client, on this machine, has ended.

    Of a client on another machine nobody here knows: its record is taken at its word.
    """
    client = record.client
    if record.state is not QueryState.RUNNING or client is None:
        return record
    if client.host != os.uname().nodename or _is_there(client.pid, record.created.timestamp()):
        return record
    said = "The process that asked was killed; what came of the query is not known."
    return replace(record, state=QueryState.LOST, error=said)


def _is_there(pid: int, asked: float) -> bool:
    """Whether the process is there; one that began after the query has only the same number."""
    import psutil

    try:
        return psutil.Process(pid).create_time() < asked + _CLOCK_SLACK_S
    except psutil.NoSuchProcess:
        return False
