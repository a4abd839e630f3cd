"""The embedded engine over a bucket: S3's own protocol, with a catalogue written by hand."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

import duckdb
import pytest

from fakes import NOON, MemoryStore
from loopback import Answer, loopback
from selfserve.aws.s3_files import list_objects, read_range
from selfserve.aws.session import Clients, make_clients
from selfserve.core.sql.answers import Row
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError, UnsupportedHereError
from selfserve.core.sql.records import make_query_id, rows_key
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.tables import Partition, Table, TableColumn
from selfserve.core.sql.text.parameters import parse_parameters
from selfserve.errors import AwsError
from selfserve.local.endpoint import REGION, LocalEndpoint
from selfserve.usecases.sql.history.kept import KeptAnswer
from selfserve.usecases.sql.roads.laptop import LaptopWay
from selfserve.usecases.sql.roads.ways import Facts, Wish
from selfserve.usecases.targets.local_clients import local_clients
from targets import make_target

FACTS = Facts(engine=Engine.TRINO, answered_by="the embedded engine", hourly_cost=Decimal(0))
WISH = Wish(query_id=make_query_id(NOON, "abcdef"))
DENIED = Answer(
    403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>no</Message></Error>"
)


class Tables:
    """A catalogue of these tables."""

    def __init__(self, *tables: Table) -> None:
        self._tables = {(table.schema, table.name): table for table in tables}

    def schemas(self) -> Sequence[str]:
        return sorted({schema for schema, _ in self._tables})

    def tables(self, schema: str) -> Sequence[str]:
        return sorted(name for of, name in self._tables if of == schema)

    def find(self, schema: str, name: str) -> Table | None:
        return self._tables.get((schema, name))


@dataclass
class House:
    """A bucket with films by year, and who reads it."""

    clients: Clients
    bucket: str
    folder: Path

    def put(self, key: str, select: str) -> bytes:
        path = self.folder / "draft.parquet"
        duckdb.execute(f"COPY ({select}) TO '{path}' (ROW_GROUP_SIZE 2048)")
        body = path.read_bytes()
        self.clients.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return body

    def films(self, *folders: str) -> Table:
        location = f"s3://{self.bucket}/films"
        return Table(
            schema="default",
            name="films",
            columns=(TableColumn("id", "bigint"), TableColumn("title", "varchar")),
            partition_columns=(TableColumn("year", "integer"),),
            location=location,
            partitions=tuple(
                Partition((unquote(one.partition("=")[2]),), f"{location}/{one}") for one in folders
            ),
        )

    def way(self, *tables: Table, clients: Clients | None = None) -> LaptopWay:
        self.store = MemoryStore()
        target = make_target(kind="aws", store=self.store)
        return LaptopWay(target, FACTS, Tables(*tables), clients or self.clients)


FILMS = "SELECT i AS id, 'film ' || i AS title FROM range({}) t(i)"
YEARS = ("year=2024", "year=2025")


@pytest.fixture
def house(endpoint: LocalEndpoint, tmp_path: Path) -> House:
    clients = local_clients(endpoint)
    house = House(clients, f"films-{uuid4().hex}", tmp_path)
    clients.s3.create_bucket(Bucket=house.bucket)
    house.put("films/year=2024/a.parquet", FILMS.format(5_000))
    house.put("films/year=2025/a.parquet", FILMS.format(10))
    house.put("films/year=2025/b.parquet", FILMS.format(5))
    house.put("films/year=2025/_temporary/c.parquet", FILMS.format(1))
    clients.s3.put_object(Bucket=house.bucket, Key="films/year=2025/_SUCCESS", Body=b"")
    return house


@pytest.fixture
def way(house: House) -> Iterator[LaptopWay]:
    way = house.way(house.films(*YEARS))
    yield way
    way.close()


def rows_of(way: LaptopWay, text: str, *given: str) -> list[Row]:
    used = [option.partition("=")[0] for option in given]
    request = SqlRequest(text=text, parameters=parse_parameters(given, {}, used=used))
    with way.ask(request, WISH) as asked:
        return [row for batch in asked.batches() for row in batch]


def test_rows_are_those_of_the_files(way: LaptopWay) -> None:
    assert rows_of(way, "select year, count(*), sum(id) from films group by 1 order by 1") == [
        (2024, 5_000, 12_497_500),
        (2025, 15, 55),
    ]
    assert rows_of(way, "select title from films where year = :y and id = 7", "y=2025") == [
        ("film 7",)
    ]


def test_the_rows_are_kept(house: House, way: LaptopWay, tmp_path: Path) -> None:
    request = SqlRequest(text="select id, title from films where year = 2025 order by 1, 2")

    with way.ask(request, WISH) as asked:
        rows = [row for batch in asked.batches() for row in batch]
        assert asked.is_kept
        columns = asked.columns

    (tmp_path / "rows.parquet").write_bytes(house.store.objects[rows_key(WISH.query_id)])
    kept = KeptAnswer(tmp_path / "rows.parquet", columns)
    assert [row for batch in kept.batches() for row in batch] == rows


def test_rows_can_be_exported(way: LaptopWay) -> None:
    sink = io.BytesIO()
    request = SqlRequest(text="select id, title from films where year = 2025 and id > 8")

    with way.export(request, WISH, ResultFormat.CSV, sink) as export:
        assert export.run() == 1

    assert sink.getvalue() == b"id,title\n9,film 9\n"


def test_files_that_come_later_are_seen(house: House, way: LaptopWay) -> None:
    assert rows_of(way, "select count(*) from films where year = 2025") == [(15,)]

    house.put("films/year=2025/d.parquet", FILMS.format(3))

    assert rows_of(way, "select count(*) from films where year = 2025") == [(18,)]


@pytest.mark.parametrize("name", ["a b", "100%", "a+b", "ü", "a*b", "[x]", "a#b", "{a,b}", "a'b"])
def test_keys_may_have_any_characters(house: House, name: str) -> None:
    house.put(f"odd/{name}/{name}.parquet", FILMS.format(4))
    house.put("odd/other/other.parquet", FILMS.format(9))
    table = replace(
        house.films(), name="odd", partition_columns=(), location=f"s3://{house.bucket}/odd/{name}"
    )
    way = house.way(table)
    try:
        assert rows_of(way, "select count(*) from odd") == [(4,)]
        assert way.estimate(SqlRequest(text="select id from odd")).rows == 4
    finally:
        way.close()


def test_a_question_mark_is_refused_by_name(house: House) -> None:
    house.put("odd/x?y.parquet", FILMS.format(4))
    location = f"s3://{house.bucket}/odd"
    way = house.way(replace(house.films(), partition_columns=(), location=location))

    with pytest.raises(UnsupportedHereError, match=r"odd/x\?y\.parquet, which has a question mark"):
        rows_of(way, "select count(*) from films")
    way.close()


def test_an_estimate_prunes_partitions_and_reads_footers_only(house: House, way: LaptopWay) -> None:
    whole = house.clients.s3.head_object(Bucket=house.bucket, Key="films/year=2024/a.parquet")
    asked = list[str]()
    house.clients.s3.meta.events.register(
        "before-send.s3.GetObject", lambda request, **_: asked.append(request.headers["Range"])
    )

    estimate = way.estimate(SqlRequest(text="select sum(id) from films where year = 2024"))

    (scan,) = estimate.scans
    assert (scan.partitions, scan.files, estimate.rows) == (1, 1, 5_000)
    assert 0 < estimate.bytes < whole["ContentLength"]
    assert len(asked) == 1
    assert estimate.over_internet
    assert not estimate.is_free


def test_a_wrong_statement_is_marked(way: LaptopWay) -> None:
    with pytest.raises(SqlError, match="titel"):
        way.estimate(SqlRequest(text="select titel from films"))


def test_a_prefix_that_may_not_be_listed_is_named_with_the_right(house: House) -> None:
    with loopback(DENIED) as server:
        way = house.way(house.films(*YEARS), clients=clients_of(server.url))
        with pytest.raises(AwsError, match=r"listing s3://films-\w+/films/year=202[45]/") as raised:
            rows_of(way, "select * from films")
        way.close()

    assert raised.value.exit_code == 3
    assert "s3:ListBucket" in raised.value.hint


def test_a_file_that_may_not_be_read_is_named_with_the_right() -> None:
    with loopback(DENIED) as server, pytest.raises(AwsError, match="reading s3://b/a/x") as raised:
        read_range(clients_of(server.url).s3, "s3a://b/a/x.parquet", 0, 10)

    assert "s3:GetObject" in raised.value.hint


def test_files_that_may_be_listed_only_are_named_with_the_right(house: House) -> None:
    listing = (
        "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated><Contents>"
        "<Key>plain/x.parquet</Key><Size>900</Size><ETag>e</ETag>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>"
    )
    table = replace(house.films(), partition_columns=(), location="s3://b/plain")
    with loopback(Answer(200, listing.encode()), DENIED) as server:
        way = house.way(table, clients=clients_of(server.url))
        with pytest.raises(AwsError, match=r"plain/x\.parquet") as raised:
            rows_of(way, "select * from films")
        way.close()

    assert raised.value.exit_code == 3
    assert "s3:GetObject" in raised.value.hint


def test_a_wrong_secret_is_said_to_be(house: House, endpoint: LocalEndpoint) -> None:
    clients = local_clients(replace(endpoint, secret_key="wrong"))
    way = house.way(house.films(*YEARS), clients=clients)

    with pytest.raises(AwsError, match=r"listing s3://films-\w+/films/year=202[45]/") as raised:
        rows_of(way, "select * from films")
    way.close()

    assert raised.value.exit_code == 3


def test_a_bucket_that_is_not_there_is_named(house: House) -> None:
    table = replace(house.films(), partition_columns=(), location="s3://no-such-bucket-here/x")
    way = house.way(table)

    with pytest.raises(AwsError, match="There is no bucket no-such-bucket-here"):
        rows_of(way, "select * from films")
    way.close()


def test_only_the_files_right_below_a_prefix_are_listed(house: House) -> None:
    found = list(list_objects(house.clients.s3, f"s3n://{house.bucket}/films/year=2025/"))

    prefix = f"s3://{house.bucket}/films/year=2025"
    assert [uri for uri, _, _ in found] == [
        f"{prefix}/_SUCCESS",
        f"{prefix}/a.parquet",
        f"{prefix}/b.parquet",
    ]
    assert all(size > 0 for uri, size, _ in found if uri.endswith("t"))


def clients_of(url: str) -> Clients:
    return make_clients(REGION, endpoint_url=url, access_key="a", secret_key="b")
