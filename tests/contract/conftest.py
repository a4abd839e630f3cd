"""A fixture for each place of `places`."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from moto import mock_aws

from fakes import FakeBackend, MemoryStore
from places import BACKENDS, STORES, Place
from selfserve.aws.s3 import S3Store
from selfserve.aws.session import Clients, make_clients
from selfserve.backends.base import Backend, ObjectStore
from selfserve.backends.emr.backend import EmrBackend
from selfserve.core.cluster import LIVE_STATES
from selfserve.local.endpoint import BUCKET, LocalEndpoint
from selfserve.usecases.targets.local_clients import local_clients
from selfserve.usecases.targets.revival import LocalLink, RevivingBackend, RevivingStore


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.param, request.getfixturevalue(f"{request.param}_backend"))


@pytest.fixture
def backend(place: Place) -> Backend:
    return place.backend


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> ObjectStore:
    found: ObjectStore = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture
def fake_backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def memory_store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def moto_clients() -> Iterator[Clients]:
    with mock_aws():
        yield make_clients("eu-west-1")


@pytest.fixture
def moto_backend(moto_clients: Clients) -> EmrBackend:
    return EmrBackend(moto_clients)


@pytest.fixture
def moto_store(moto_clients: Clients) -> S3Store:
    moto_clients.s3.create_bucket(
        Bucket="a-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return S3Store(moto_clients.s3, "a-bucket")


@pytest.fixture
def local_backend(endpoint: LocalEndpoint) -> Iterator[RevivingBackend]:
    backend = RevivingBackend(LocalLink(endpoint, BUCKET))
    yield backend
    backend.terminate([cluster.id for cluster in backend.list_clusters(states=LIVE_STATES)])


@pytest.fixture
def local_store(endpoint: LocalEndpoint) -> RevivingStore:
    bucket = f"contract-{uuid4().hex}"
    local_clients(endpoint).s3.create_bucket(Bucket=bucket)
    return RevivingStore(LocalLink(endpoint, bucket))
