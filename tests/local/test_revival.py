"""A client whose daemon dies under it goes on with a new one; nothing is asked for twice."""

import os
import signal
from dataclasses import replace

import psutil
import pytest

from homes import processes_of
from selfserve.errors import NoAnswerError
from selfserve.local import daemon_client
from selfserve.local.endpoint import BUCKET, LocalEndpoint
from selfserve.local.home import Home
from selfserve.usecases.targets.revival import LocalLink, RevivingBackend, RevivingStore
from specs import SPEC

NO_SPARK = replace(SPEC, applications=("Trino",))


def kill(endpoint: LocalEndpoint) -> None:
    daemon = psutil.Process(endpoint.pid)
    os.kill(endpoint.pid, signal.SIGKILL)
    psutil.wait_procs([daemon], timeout=60)


def test_what_reads_is_answered_by_a_new_daemon(home: Home) -> None:
    endpoint = daemon_client.ensure_running(home)
    link = LocalLink(endpoint, BUCKET)
    backend, store = RevivingBackend(link), RevivingStore(link)
    store.put("key", b"content")
    cluster_id = backend.launch(NO_SPARK)
    kill(endpoint)

    assert backend.describe(cluster_id).name == NO_SPARK.name

    kill(daemon_client.ensure_running(home))
    assert store.get("key") == b"content"


def test_a_launch_is_not_sent_twice(home: Home) -> None:
    endpoint = daemon_client.ensure_running(home)
    backend = RevivingBackend(LocalLink(endpoint, BUCKET))
    kill(endpoint)

    with pytest.raises(NoAnswerError):
        backend.launch(NO_SPARK)

    assert backend.list_clusters() == []


def test_a_daemon_that_was_stopped_stays_stopped(home: Home) -> None:
    endpoint = daemon_client.ensure_running(home)
    backend = RevivingBackend(LocalLink(endpoint, BUCKET))
    daemon_client.stop(home)

    with pytest.raises(NoAnswerError) as caught:
        backend.list_clusters()

    assert "selfserve local start" in caught.value.hint
    assert processes_of(home.root) == []
