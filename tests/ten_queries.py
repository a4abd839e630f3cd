"""Ten queries in Trino's dialect over a small lake of TPC-H, and what they read of it.

The files are served over HTTP, and the bytes that are asked for are counted.

Scale factor 0.1: lineitem and orders in several files, sorted by their keys; lineitem again
in partitions by year of shipment, sorted by day within them; and a table with nested columns.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import duckdb_extension_httpfs
import duckdb_extension_tpch

from selfserve.core.sql.engines import Engine as Dialect
from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.estimates.pace import Pace
from selfserve.core.sql.tables import Partition, Table, TableColumn
from selfserve.core.sql.translation import Translated, translate
from selfserve.embedded.engine import Engine
from selfserve.embedded.estimation import Estimator
from selfserve.embedded.files import DataFile, FolderFiles
from selfserve.embedded.footers import Footers
from selfserve.embedded.types import to_trino

QUERIES = {
    "count of rows": "SELECT count(*) FROM lake.lineitem",
    "one column": "SELECT sum(l_tax) FROM lake.lineitem",
    "all columns of one customer's orders": "SELECT * FROM lake.orders WHERE o_custkey < 20000",
    "filter on the sorted key": (
        "SELECT sum(l_extendedprice * l_discount) FROM lake.lineitem "
        "WHERE l_orderkey BETWEEN 100000 AND 150000"
    ),
    "TPC-H 1": (
        "SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), "
        "sum(l_extendedprice * (1 - l_discount)), "
        "sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_quantity), count(*) "
        "FROM lake.lineitem WHERE l_shipdate <= DATE '1998-09-02' GROUP BY 1, 2 ORDER BY 1, 2"
    ),
    "TPC-H 6, over partitions by year": (
        "SELECT sum(l_extendedprice * l_discount) FROM lake.shipped WHERE shipyear = 1994 "
        "AND l_shipdate >= DATE '1994-03-01' AND l_shipdate < DATE '1994-06-01' "
        "AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24"
    ),
    "TPC-H 3": (
        "SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, "
        "o_shippriority FROM lake.customer, lake.orders, lake.lineitem "
        "WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey "
        "AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15' "
        "GROUP BY 1, 3, 4 ORDER BY revenue DESC, o_orderdate LIMIT 10"
    ),
    "TPC-H 12, two years of partitions": (
        "SELECT l_shipmode, count(*) FROM lake.orders, lake.shipped "
        "WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP') "
        "AND shipyear IN (1994, 1995) AND l_commitdate < l_receiptdate GROUP BY 1 ORDER BY 1"
    ),
    "a field of a nested column": (
        "SELECT s.info.mode, count(*), sum(suppliers[1]) FROM lake.nested "
        "WHERE s.part < 15000 GROUP BY 1"
    ),
    "a table twice": (
        "SELECT count(*) FROM lake.lineitem a, lake.lineitem b WHERE a.l_orderkey = b.l_orderkey "
        "AND a.l_linenumber < b.l_linenumber AND b.l_shipdate > a.l_receiptdate"
    ),
}

KNOWN_WHILE_IT_RUNS = {
    "LIMIT": "SELECT l_comment FROM lake.lineitem LIMIT 10",
    "ORDER BY … LIMIT": (
        "SELECT l_orderkey, l_comment FROM lake.lineitem ORDER BY l_orderkey LIMIT 10"
    ),
    "a join with few keys": (
        "SELECT sum(l_extendedprice) FROM lake.orders, lake.lineitem "
        "WHERE l_orderkey = o_orderkey AND o_custkey = 7"
    ),
    "a key that is looked up": (
        "SELECT sum(l_extendedprice) FROM lake.lineitem "
        "WHERE l_orderkey = (SELECT min(o_orderkey) FROM lake.orders WHERE o_custkey = 7)"
    ),
}
"""What no plan can foresee: the engine reads less than the estimate, never more."""


@dataclass
class Served:
    """A folder behind HTTP; how many bytes were asked for so far."""

    url: str
    bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Lake:
    """Where the files are, and how they are described."""

    folder: Path
    tables: dict[str, Table]

    def translate(self, sql: str) -> Translated:
        """A query of Trino's for DuckDB."""
        return translate(sql, engine=Dialect.TRINO, find=lambda _, name: self.tables.get(name))

    def estimate(self, sql: str) -> Estimate:
        """What we expect of `sql`."""
        query = self.translate(sql)
        estimator = Estimator(FolderFiles(self._to_path), Footers())
        return estimator.estimate(query.sql, query.tables, pace=Pace.of_this_machine(2))

    def bytes_read(self, sql: str, temp_folder: Path) -> int:
        """What the embedded engine asks the server for while it runs `sql`."""
        query = self.translate(sql)
        with _serve(self.folder) as served:
            files = _HttpFiles(FolderFiles(self._to_path), self.folder, served.url)
            engine = Engine(files, temp_folder=temp_folder, prepare=_with_http)
            try:
                with engine.connection(query.tables) as connection:
                    served.bytes = 0  # footers that were read to make the views
                    connection.execute(query.sql).fetchall()
                    return served.bytes
            finally:
                engine.close()

    def _to_path(self, uri: str) -> Path:
        return self.folder / uri.removeprefix("s3://lake/")


def make_lake(folder: Path) -> Lake:
    """Write the tables, a few MB each; takes seconds."""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"LOAD '{_extension(duckdb_extension_tpch)}'")
        connection.execute("CALL dbgen(sf = 0.1)")
        tables = [
            _write(connection, folder, "lineitem", _pieces("lineitem", "l_orderkey", 200_000, 3)),
            _write(connection, folder, "orders", _pieces("orders", "o_orderkey", 300_000, 2)),
            *(_write(connection, folder, name, [f"FROM {name}"]) for name in _SMALL),
            _write(connection, folder, "nested", [_NESTED]),
            _write_partitions(connection, folder),
        ]
    return Lake(folder, {table.name: table for table in tables})


_SMALL = ("region", "nation", "supplier", "part", "partsupp", "customer")
_NESTED = """
    SELECT l_orderkey, [l_suppkey, l_linenumber] AS suppliers, l_comment,
    {'part': l_partkey, 'info': {'mode': l_shipmode, 'comment': l_comment}} AS s
    FROM lineitem ORDER BY l_partkey
"""
_ROWS_OF_A_GROUP = 51_200


def _pieces(table: str, key: str, step: int, count: int) -> list[str]:
    return [
        f"FROM {table} WHERE {key} BETWEEN {i * step} AND {(i + 1) * step - 1} ORDER BY {key}"
        for i in range(count)
    ]


def _write(
    connection: duckdb.DuckDBPyConnection, folder: Path, name: str, queries: Sequence[str]
) -> Table:
    (folder / name).mkdir(parents=True)
    for i, query in enumerate(queries):
        file = folder / name / f"part-{i}.parquet"
        connection.execute(f"COPY ({query}) TO '{file}' (ROW_GROUP_SIZE {_ROWS_OF_A_GROUP})")
    columns = _columns(connection, queries[0])
    return Table(schema="lake", name=name, columns=columns, location=f"s3://lake/{name}")


def _write_partitions(connection: duckdb.DuckDBPyConnection, folder: Path) -> Table:
    years = [str(year) for year in range(1992, 1999)]
    for year in years:
        query = f"FROM lineitem WHERE year(l_shipdate) = {year} ORDER BY l_shipdate"
        _write(connection, folder, f"shipped/shipyear={year}", [query])
    return Table(
        schema="lake",
        name="shipped",
        columns=_columns(connection, "FROM lineitem"),
        partition_columns=(TableColumn("shipyear", "integer"),),
        location="s3://lake/shipped",
        partitions=tuple(
            Partition((year,), f"s3://lake/shipped/shipyear={year}") for year in years
        ),
    )


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[TableColumn, ...]:
    rows = connection.execute(f"DESCRIBE {query}").fetchall()
    return tuple(TableColumn(row[0], to_trino(row[1])) for row in rows)


def _extension(package: object) -> Path:
    """The file that the package brings."""
    (folder,) = package.__path__  # type: ignore[attr-defined]
    return next(Path(folder).rglob("*.duckdb_extension"))


def _with_http(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"LOAD '{_extension(duckdb_extension_httpfs)}'")
    # A table that is read twice would come from memory the second time; on a cluster it does not.
    connection.execute("SET enable_external_file_cache = false")


@dataclass(frozen=True, slots=True)
class _HttpFiles:
    """The same files by their URLs."""

    local: FolderFiles
    folder: Path
    url: str

    def list_files(self, location: str) -> Sequence[DataFile]:
        """See `FileSource.list_files`."""
        return [
            DataFile(f"{self.url}/{Path(file.path).relative_to(self.folder)}", file.size, "1")
            for file in self.local.list_files(location)
        ]


@contextmanager
def _serve(folder: Path) -> Iterator[Served]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    served = Served(f"http://127.0.0.1:{server.server_port}")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            size = (folder / self.path.lstrip("/")).stat().st_size
            asked = self.headers.get("Range", f"bytes=0-{size - 1}").removeprefix("bytes=")
            first, _, last = asked.partition("-")
            start, end = int(first), min(int(last or size - 1), size - 1) + 1
            self._head(206 if "Range" in self.headers else 200, end - start)
            with (folder / self.path.lstrip("/")).open("rb") as file:
                file.seek(start)
                self.wfile.write(file.read(end - start))
            with served.lock:
                served.bytes += end - start

        def do_HEAD(self) -> None:
            self._head(200, (folder / self.path.lstrip("/")).stat().st_size)

        def _head(self, status: int, length: int) -> None:
            self.send_response_only(status)
            self.send_header("Content-Length", str(length))
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's
            """The counts are what matters."""

    server.RequestHandlerClass = Handler
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
