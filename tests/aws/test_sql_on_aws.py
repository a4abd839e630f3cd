"""What is known of AWS's tables without a cluster, on moto: Glue's tables, S3's footers."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from moto import mock_aws

from fakes import FakeBackend
from selfserve.aws.session import Clients
from selfserve.coordinator.connection import Coordinator
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.requests import SqlRequest
from selfserve.usecases.progress import quiet
from selfserve.usecases.sql.catalogues import open_catalogue
from selfserve.usecases.sql.estimates.estimating import ClusterEstimates, pace_of_live
from selfserve.usecases.sql.opening import Where, open_session
from selfserve.usecases.sql.roads.cluster_way import CoordinatorWay
from selfserve.usecases.sql.roads.laptop import open_laptop
from selfserve.usecases.sql.roads.live_cluster import LiveCluster
from selfserve.usecases.sql.roads.s3_reader import S3Reader
from selfserve.usecases.sql.roads.ways import Wish
from selfserve.usecases.targets.target import Target
from selfserve.usecases.up import up
from sql_ways import FACTS, TRINO
from targets import FakeTargets, make_target, write_profiles

_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "SerdeInfo": {"SerializationLibrary": _SERDE},
}


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    """Of an account with one table of 5,000 films."""
    path = tmp_path / "films.parquet"
    films = "SELECT i AS id, 'film ' || i AS title FROM range(5000) t(i)"
    duckdb.execute(f"COPY ({films}) TO '{path}'")
    with mock_aws():
        session: Any = boto3.Session(region_name="us-east-1")  # Any: Glue's stubs are not here
        session.client("s3").create_bucket(Bucket="lake")
        session.client("s3").upload_file(str(path), "lake", "films/a.parquet")
        glue = session.client("glue", region_name="eu-west-1")
        glue.create_database(DatabaseInput={"Name": "default"})
        columns = [{"Name": "id", "Type": "bigint"}, {"Name": "title", "Type": "string"}]
        storage = {"Columns": columns, "Location": "s3://lake/films", **PARQUET}
        table = {"Name": "films", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage}
        glue.create_table(DatabaseName="default", TableInput=table)
        yield make_target(kind="aws", backend=FakeBackend())


def test_the_catalogue_of_aws_is_glue(target: Target) -> None:
    catalogue = open_catalogue(target)

    assert catalogue.tables("default") == ["films"]
    table = catalogue.find("default", "films")
    assert table is not None
    assert table.location == "s3://lake/films"


def test_the_laptop_shows_the_tables_of_glue(target: Target) -> None:
    laptop = open_laptop(target, FACTS)

    with laptop.ask(SqlRequest(text="show tables"), Wish(query_id="q")) as asked:
        assert [row for batch in asked.batches() for row in batch] == [("films",)]
    laptop.close()


def test_credentials_that_were_renewed_are_read_with_from_the_next_statement_on() -> None:
    session: Any = boto3.Session("KEY1", "secret", "token1")  # Any: as above
    reader = S3Reader(Clients(session, "eu-west-1"))
    with duckdb.connect(":memory:") as engine:
        reader.load_into(engine)
        before = secrets_of(engine)

        session.get_credentials().access_key = "KEY2"
        reader.renew()

        ((now,),) = secrets_of(engine)
        assert "key_id=KEY1" in str(before)
        assert "key_id=KEY2" in now
        assert "region=eu-west-1" in now


def test_each_statement_on_the_laptop_looks_at_the_credentials(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewals: list[S3Reader] = []

    def note(reader: S3Reader) -> None:
        renewals.append(reader)

    monkeypatch.setattr(S3Reader, "renew", note)
    laptop = open_laptop(target, FACTS)
    opened = len(renewals)

    for query_id in "ab":
        with laptop.ask(SqlRequest(text="select 1"), Wish(query_id=query_id)) as asked:
            assert list(asked.batches()) == [[(1,)]]

    assert len(renewals) == opened + 2
    laptop.close()


def secrets_of(engine: duckdb.DuckDBPyConnection) -> list[tuple[str]]:
    return engine.execute("SELECT secret_string FROM duckdb_secrets()").fetchall()


def estimated(target: Target, live: LiveCluster, request: SqlRequest) -> Estimate:
    estimates = ClusterEstimates(target, live.engine, lambda: pace_of_live(target, live))
    try:
        return estimates.estimate(request)
    finally:
        estimates.close()


@pytest.fixture
def live(target: Target, tmp_path: Path) -> LiveCluster:
    resolved = write_profiles(tmp_path / "profiles", trino=TRINO).resolve("trino")
    return LiveCluster(up(target, resolved, name="trino").cluster, "trino", Engine.TRINO, None)


def test_an_estimate_for_a_cluster_has_its_price_and_reads_footers(
    target: Target, live: LiveCluster
) -> None:
    estimate = estimated(target, live, SqlRequest(text="select sum(id) from films"))

    assert estimate.rows == 5_000
    assert estimate.cost_low is not None
    assert estimate.cost_high is not None
    assert 0 < estimate.cost_low < estimate.cost_high
    assert not estimate.is_free
    assert not estimate.over_internet


def test_of_a_cluster_whose_launch_is_not_recorded_the_price_is_not_known(
    live: LiveCluster,
) -> None:
    forgotten = make_target(kind="aws", backend=FakeBackend())

    estimate = estimated(forgotten, live, SqlRequest(text="select sum(id) from films"))

    assert (estimate.rows, estimate.cost_high, estimate.seconds_high) == (5_000, None, None)


def test_a_wrong_statement_is_marked_before_a_cluster_sees_it(
    target: Target, live: LiveCluster
) -> None:
    with pytest.raises(SqlError, match="titel"):
        estimated(target, live, SqlRequest(text="select titel from films"))


def test_the_bytes_of_its_tables_are_known_without_looking_into_files(
    target: Target, live: LiveCluster
) -> None:
    way = CoordinatorWay(target, live, _no_tunnel)
    request = SqlRequest(text="select sum(id) from films")

    most = way.most_bytes(request)

    size = boto3.client("s3", region_name="us-east-1").head_object(
        Bucket="lake", Key="films/a.parquet"
    )
    assert most == size["ContentLength"]
    assert way.estimate(request).bytes < most
    way.close()


def test_what_a_query_costs_is_said_without_a_cluster(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SELFSERVE_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.setenv("SELFSERVE_CACHE", str(tmp_path / "cache"))
    write_profiles(tmp_path / "cluster_profiles", trino=TRINO)
    session = open_session(FakeTargets(target), Where(cluster="trino"), report=quiet)

    estimate = session.road.estimate(SqlRequest(text="select sum(id) from films"))

    assert estimate.rows == 5_000
    assert estimate.cost_high is not None
    assert session.road.most_bytes(SqlRequest(text="select id from films")) > estimate.bytes
    assert session.road.catalogue().tables("default") == ["films"]
    assert target.backend.list_clusters() == []
    session.road.close()


def _no_tunnel() -> AbstractContextManager[Coordinator]:
    raise AssertionError("nothing of this is for the coordinator")
