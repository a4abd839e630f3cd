"""Leases over HTTP, at the endpoint of this machine: the guarantee that S3 gives."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from uuid import uuid4

from selfserve.core.slots import Slots
from selfserve.local.endpoint import LocalEndpoint
from selfserve.usecases.placement.leases import Held, read_lease, take_hold
from selfserve.usecases.targets.local_clients import local_clients
from selfserve.usecases.targets.revival import LocalLink, RevivingStore
from selfserve.usecases.targets.target import Target
from targets import make_target

CLUSTERS = [f"j-{number}" for number in range(10)]
SLOTS, CLIENTS = 2, 50


def submit_to_some(target: Target, number: int) -> Held | None:
    """The first cluster with a slot for this client, who asks in an order of its own."""
    slots = Slots.of_steps([], number=SLOTS, seen=target.clock.now())
    for cluster_id in Random(number).sample(CLUSTERS, len(CLUSTERS)):
        held = take_hold(target, cluster_id, f"r-{number}", slots=slots)
        if held is not None:
            return held
    return None


def test_fifty_clients_on_ten_clusters_book_no_slot_twice(endpoint: LocalEndpoint) -> None:
    bucket = f"leases-{uuid4().hex}"
    local_clients(endpoint).s3.create_bucket(Bucket=bucket)
    target = replace(make_target(), store=RevivingStore(LocalLink(endpoint, bucket)))

    with ThreadPoolExecutor(CLIENTS) as crowd:
        came = list(crowd.map(lambda number: submit_to_some(target, number), range(CLIENTS)))

    booked = [held for held in came if held is not None]
    assert Counter(held.cluster_id for held in booked) == dict.fromkeys(CLUSTERS, SLOTS)
    for cluster_id in CLUSTERS:
        lease = read_lease(target, cluster_id).lease
        holders = {held.run_id for held in booked if held.cluster_id == cluster_id}
        fences = sorted(held.fence for held in booked if held.cluster_id == cluster_id)
        assert {one.run_id for one in lease.holds} == holders
        assert fences == list(range(1, SLOTS + 1))
        assert lease.fence == SLOTS
