"""Tables of a real metastore: made by Spark SQL, by HiveQL and by us, and seen by the others."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pytest

from local.step_bench import StepBench, pinned_runtime
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.hive.definition import Definition
from selfserve.core.sql.hive.tables import to_table
from selfserve.core.sql.tables import FileFormat, Partition, Table, TableColumn
from selfserve.errors import BadInputError, ClusterFailedError, NotFoundError
from selfserve.local import daemon_client
from selfserve.local.home import Home
from selfserve.local.lake.catalogue import Catalogue
from selfserve.local.sql.catalogue_client import ask_for_catalogue, has_catalogue
from selfserve.local.sql.metastore import HiveMetastore
from selfserve.local.sql.metastore_connection import Connection
from sql_definitions import DEFINITIONS

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("step_bench")]

SPARK = """
CREATE SCHEMA sales;
CREATE TABLE sales.Plain STORED AS PARQUET AS
  SELECT 1 AS Id, CAST(2.5 AS DECIMAL(12,2)) AS price, array(named_struct('a', 1)) AS parts;
CREATE TABLE sales.used (Id BIGINT, name STRING, code VARCHAR(3), at TIMESTAMP, Day DATE)
  USING PARQUET PARTITIONED BY (Day);
INSERT INTO sales.used VALUES
  (1, 'x', 'abc', TIMESTAMP '2026-01-01 00:00:00', DATE '2026-01-01'), (2, 'y', 'd', NULL, NULL);
CREATE TABLE sales.commas (Id INT, What STRING) USING CSV OPTIONS (header 'true', sep ';')
  LOCATION 's3://bucket/commas';
INSERT INTO sales.commas VALUES (1, 'a'), (2, NULL);
CREATE TABLE sales.columnar (n INT, s STRING) STORED AS ORC;
CREATE TABLE sales.wide USING PARQUET AS SELECT %s;
CREATE TABLE sales.lines (n INT, Tags ARRAY<STRING>) USING JSON;
USE sales;
CREATE VIEW dear (number) AS SELECT id FROM plain WHERE price > 2;
"""
WIDE = [f"a_column_with_a_long_name_{number}" for number in range(200)]
HIVE = r"""
CREATE EXTERNAL TABLE IF NOT EXISTS events (n INT, What STRING)
  PARTITIONED BY (day STRING, hour INT) STORED AS PARQUET LOCATION 's3://bucket/events';
SET hive.exec.dynamic.partition.mode=nonstrict;
INSERT OVERWRITE TABLE events PARTITION (day, hour)
  SELECT 1, 'a', '2026-01-01', 1 UNION ALL SELECT 2, 'b', 'x:y', 2;
ALTER TABLE events ADD PARTITION (day = 'far', hour = 3) LOCATION 's3://bucket/else/where';
CREATE EXTERNAL TABLE tabs (n INT, s STRING) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
  STORED AS TEXTFILE LOCATION 's3://bucket/tabs' TBLPROPERTIES ('skip.header.line.count' = '1');
CREATE EXTERNAL TABLE open_csv (n INT, s STRING)
  ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
  WITH SERDEPROPERTIES ('separatorChar' = '|')
  STORED AS TEXTFILE LOCATION 's3://bucket/open_csv';
CREATE TABLE old_orc (n BIGINT, m MAP<STRING, DOUBLE>) STORED AS ORC;
CREATE TABLE rows_of_avro (n BIGINT) STORED AS AVRO;
CREATE TABLE sequences (n BIGINT) STORED AS SEQUENCEFILE;
"""
PARTITIONED = Table(
    schema="ours",
    name="made_here",
    columns=(TableColumn("N", "bigint"), TableColumn("x", "array(row(a integer))")),
    partition_columns=(TableColumn("day", "varchar"),),
)


@dataclass
class Shared:
    """A metastore, those who make tables with it, and our look at it."""

    bench: StepBench
    metastore: HiveMetastore
    uri: str

    def sql(self, name: str, statements: str) -> list[str]:
        finished = self.bench.run(name, "spark-sql", "-e", statements)
        assert finished.returncode == 0, finished.stderr[-4000:]
        return finished.stdout.splitlines()

    def hive(self, name: str, script: str) -> None:
        self.bench.put(f"s3://bucket/{name}.sql", script)
        arguments = ["--run-hive-script", "--args", "-f", f"s3://bucket/{name}.sql"]
        finished = self.bench.run(name, "hive-script", *arguments)
        assert finished.returncode == 0, finished.stderr[-4000:]

    def find(self, schema: str, name: str) -> Table:
        table = self.metastore.find(schema, name)
        assert table is not None
        return table


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    home = tmp_path_factory.mktemp("a home")
    bench = StepBench(home, pinned_runtime())
    catalogue = Catalogue(home, bench.lake, "s3://bucket/warehouse")
    uri = bench.metastore_uri = catalogue.ensure(bench.runtime)
    metastore = HiveMetastore.at(uri)
    yield Shared(bench, metastore, uri)
    metastore.close()
    catalogue.stop()


@pytest.fixture(scope="module")
def made(shared: Shared) -> Shared:
    """With the tables of Spark and Hive."""
    shared.sql("spark", SPARK % ", ".join(f"1 AS {name}" for name in WIDE))
    shared.hive("hive", HIVE)
    return shared


@pytest.fixture
def ours(shared: Shared) -> Iterator[Shared]:
    """With a schema of our own, and nothing in it."""
    shared.metastore.create_schema("ours")
    yield shared
    for name in shared.metastore.tables("ours"):
        shared.metastore.drop_table("ours", name)
    shared.metastore.drop_schema("ours")


def columns(columns: Sequence[TableColumn]) -> list[tuple[str, str]]:
    return [(column.name, column.type) for column in columns]


def test_schemas_and_tables_are_listed(made: Shared) -> None:
    assert set(made.metastore.schemas()) >= {"default", "sales"}
    assert set(made.metastore.tables("sales")) == {
        *("columnar", "commas", "dear", "lines", "plain", "used", "wide")
    }
    assert made.metastore.tables("nowhere") == []


def test_what_is_not_there_is_not_found(made: Shared) -> None:
    assert made.metastore.find("sales", "nothing") is None
    assert made.metastore.find("nowhere", "plain") is None
    assert made.metastore.schema_location("nowhere") is None


def test_a_parquet_table_of_spark(made: Shared) -> None:
    table = made.find("sales", "plain")

    assert columns(table.columns) == [
        ("Id", "integer"),
        ("price", "decimal(12,2)"),
        ("parts", "array(row(a integer))"),
    ]
    assert table.format is FileFormat.PARQUET
    assert table.location == "s3://bucket/warehouse/sales.db/plain"


def test_a_partitioned_data_source_table_of_spark(made: Shared) -> None:
    table = made.find("sales", "used")

    assert columns(table.columns) == [
        ("Id", "bigint"),
        ("name", "varchar"),
        ("code", "varchar(3)"),
        ("at", "timestamp(3)"),
    ]
    assert columns(table.partition_columns) == [("Day", "date")]
    folder = "s3://bucket/warehouse/sales.db/used"
    assert set(table.partitions) == {
        Partition(("2026-01-01",), f"{folder}/Day=2026-01-01"),
        Partition((None,), f"{folder}/Day=__HIVE_DEFAULT_PARTITION__"),
    }


def test_a_csv_table_of_spark_has_its_own_schema_and_options(made: Shared) -> None:
    table = made.find("sales", "commas")

    assert columns(table.columns) == [("Id", "integer"), ("What", "varchar")]
    assert (table.format, table.location) == (FileFormat.CSV, "s3://bucket/commas")
    assert (table.text.delimiter, table.text.header_lines) == (";", 1)


def test_a_json_table_of_spark(made: Shared) -> None:
    table = made.find("sales", "lines")

    assert columns(table.columns) == [("n", "integer"), ("Tags", "array(varchar)")]
    assert table.format is FileFormat.JSON
    assert table.location == "s3://bucket/warehouse/sales.db/lines"


def test_a_schema_that_spark_keeps_in_pieces_is_put_together(made: Shared) -> None:
    assert [column.name for column in made.find("sales", "wide").columns] == WIDE


def test_a_view_of_spark(made: Shared) -> None:
    view = made.find("sales", "dear")

    assert view.view == "SELECT id FROM plain WHERE price > 2"
    assert (view.view_engine, view.view_schema) == (Engine.SPARK, "sales")
    assert columns(view.columns) == [("number", "integer")]


def test_a_partitioned_table_of_hive(made: Shared) -> None:
    table = made.find("default", "events")

    assert columns(table.columns)[0] == ("n", "integer")
    assert columns(table.partition_columns) == [("day", "varchar"), ("hour", "integer")]
    assert (table.format, table.location) == (FileFormat.PARQUET, "s3://bucket/events")
    assert set(table.partitions) == {
        Partition(("2026-01-01", "1"), "s3://bucket/events/day=2026-01-01/hour=1"),
        Partition(("x:y", "2"), "s3://bucket/events/day=x%3Ay/hour=2"),
        Partition(("far", "3"), "s3://bucket/else/where"),
    }


def test_text_of_hive(made: Shared) -> None:
    table = made.find("default", "tabs")

    assert (table.format, table.serde) == (FileFormat.CSV, "LazySimpleSerDe")
    assert table.text.delimiter == "\t"
    assert (table.text.quote, table.text.escape, table.text.null_text) == ("", "", "\\N")
    assert table.text.header_lines == 1


def test_csv_of_hive_is_text_whatever_its_columns_are_called(made: Shared) -> None:
    table = made.find("default", "open_csv")

    assert columns(table.columns) == [("n", "varchar"), ("s", "varchar")]
    assert (table.format, table.text.delimiter, table.text.quote) == (FileFormat.CSV, "|", '"')


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("old_orc", FileFormat.ORC),
        ("rows_of_avro", FileFormat.AVRO),
        ("sequences", FileFormat.OTHER),
    ],
)
def test_other_formats_of_hive(made: Shared, name: str, found: FileFormat) -> None:
    assert made.find("default", name).format is found


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.name)
def test_a_table_of_the_metastore_is_that_of_glue_with_the_same_definition(
    ours: Shared, definition: Definition
) -> None:
    definition = replace(definition, schema="ours")
    parts = urlsplit(ours.uri)
    connection = Connection(parts.hostname or "", parts.port or 0, timeout_s=60)
    connection.create_table(definition)
    connection.close()

    # tests/aws/test_glue.py holds Glue to the same.
    assert ours.metastore.find("ours", definition.name) == to_table(definition)


def test_a_schema_is_made_in_the_warehouse_and_dropped(shared: Shared) -> None:
    shared.metastore.create_schema("brief")

    assert shared.metastore.schema_location("brief") == "s3://bucket/warehouse/brief.db"
    with pytest.raises(BadInputError, match="already"):
        shared.metastore.create_schema("brief")
    shared.metastore.drop_schema("brief")
    with pytest.raises(NotFoundError):
        shared.metastore.drop_schema("brief")


def test_a_schema_with_tables_is_not_dropped(ours: Shared) -> None:
    ours.metastore.create_table(PARTITIONED)

    with pytest.raises(BadInputError, match="tables"):
        ours.metastore.drop_schema("ours")


def test_what_is_made_here_is_found_as_it_was_made(ours: Shared) -> None:
    folder = "s3://bucket/made"
    partitions = tuple(
        Partition((day,), f"{folder}/day={day}") for day in (f"2026-{n:03}" for n in range(120))
    )
    others = (Partition((None,), f"{folder}/none"), Partition(("z",), "s3://bucket/far/away"))
    table = replace(PARTITIONED, location=folder, partitions=partitions + others)

    ours.metastore.create_table(table, is_managed=False)
    ours.metastore.add_partitions(table, partitions[:3])  # once more, which changes nothing

    found = ours.find("ours", "made_here")
    assert set(found.partitions) == set(table.partitions)
    assert columns(found.all_columns) == [
        ("n", "bigint"),
        ("x", "array(row(a integer))"),
        ("day", "varchar"),
    ]


def test_a_name_is_given_once(ours: Shared) -> None:
    ours.metastore.create_table(PARTITIONED)

    with pytest.raises(BadInputError, match="already"):
        ours.metastore.create_table(PARTITIONED)


def test_what_is_not_there_cannot_be_changed(ours: Shared) -> None:
    metastore = ours.metastore
    with pytest.raises(NotFoundError):
        metastore.drop_table("ours", "nothing")
    with pytest.raises(NotFoundError):
        metastore.add_partitions(PARTITIONED, [Partition(("1",), "s3://bucket/p")])
    with pytest.raises(NotFoundError):
        metastore.create_table(replace(PARTITIONED, schema="nowhere"))


def test_a_dropped_table_takes_its_files_along_only_if_they_are_its_own(ours: Shared) -> None:
    managed = replace(PARTITIONED, name="managed", location="s3://bucket/managed")
    lent = replace(PARTITIONED, name="lent", location="s3://bucket/lent")
    ours.bench.put("s3://bucket/managed/file", "x")
    ours.bench.put("s3://bucket/lent/file", "x")

    ours.metastore.create_table(managed)
    ours.metastore.create_table(lent, is_managed=False)
    ours.metastore.drop_table("ours", "managed")
    ours.metastore.drop_table("ours", "lent")

    assert not ours.bench.lake.path_of("s3://bucket/managed/file").exists()
    assert ours.bench.lake.path_of("s3://bucket/lent/file").exists()


def test_a_view_made_here_is_found(ours: Shared) -> None:
    view = Table(
        schema="ours",
        name="seen",
        columns=(TableColumn("a", "timestamp(6)"),),
        view="SELECT a FROM t",
        view_schema="ours",
    )

    ours.metastore.create_table(view)

    found = ours.find("ours", "seen")
    assert (found.view, found.view_engine, found.view_schema) == (view.view, Engine.TRINO, "ours")
    assert found.columns == view.columns


def test_spark_fills_and_reads_a_table_that_is_made_here(ours: Shared) -> None:
    ours.metastore.create_table(PARTITIONED)

    rows = ours.sql(
        "fill",
        "SET hive.exec.dynamic.partition.mode=nonstrict;"
        "INSERT INTO ours.made_here VALUES (7, array(named_struct('a', 8)), 'today');"
        "SELECT n, x[0].a, day FROM ours.made_here",
    )

    assert rows[-1] == "7\t8\ttoday"
    (partition,) = ours.find("ours", "made_here").partitions
    assert partition.values == ("today",)


def test_each_thread_may_ask(made: Shared) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: made.metastore.find("sales", "used"), range(40)))

    assert found == [made.find("sales", "used")] * 40


def test_after_its_connections_were_closed_it_makes_new_ones(made: Shared) -> None:
    metastore = HiveMetastore.at(made.uri)
    before = metastore.tables("sales")

    metastore.close()

    assert metastore.tables("sales") == before
    metastore.close()


def test_a_metastore_that_is_gone_is_told() -> None:
    with pytest.raises(ClusterFailedError, match="does not answer while listing the schemas"):
        HiveMetastore("127.0.0.1", 1).schemas()


def test_the_daemon_starts_it_on_request(home: Home) -> None:
    endpoint = daemon_client.ensure_running(home)
    assert not has_catalogue(home.root)

    uri = ask_for_catalogue(endpoint)

    metastore = HiveMetastore.at(uri)
    assert metastore.schemas() == ["default"]
    assert ask_for_catalogue(endpoint) == uri
    assert has_catalogue(home.root)
    metastore.close()
