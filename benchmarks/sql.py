"""`selfserve sql` on this machine against the bare `duckdb` package.

- a statement that does nothing, on a warm target: whole processes;
- TPC-H's 22 queries at scale factor 1, over the same Parquet files: one process each;
- 100 million rows to CSV: the memory that all our processes take, above DuckDB's own.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psutil

from benchmarks.side_by_side import command, compare, compare_figures
from selfserve.local import daemon_client
from selfserve.local.home import Home
from selfserve.local.lake.service import find_services

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from tpch import NUMBERS, Dataset, query

_PYTHON = sys.executable
_SELFSERVE = str(Path(sys.executable).with_name("selfserve"))
_ROWS = 100_000_000
_SAMPLE_S = 0.02


def main() -> None:
    """Print the three comparisons."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        os.environ["SELFSERVE_LOCAL_HOME"] = str(home.root)
        try:
            _select_one()
            _tpch(home, Path(folder))
            _csv(home, Path(folder))
        finally:
            daemon_client.stop(home)


def _select_one() -> None:
    print("sql: a statement on a warm target, whole processes")
    ours = command([_SELFSERVE, "sql", "select 1"])
    theirs = command([_PYTHON, "-c", "import duckdb; duckdb.sql('select 1').show()"])
    pair = compare(ours, theirs, rounds=15, warm_up=2)
    pair.report("selfserve sql 'select 1'", "duckdb.sql('select 1').show()", aim=2.0)


def _tpch(home: Home, folder: Path) -> None:
    print("sql: TPC-H, scale factor 1, 22 queries in one process, results as CSV")
    dataset = Dataset.generate(home.lake / "selfserve-local" / "tpch", scale=1)
    made = folder / "tables.sql"
    made.write_text(dataset.statements("s3://selfserve-local/tpch", schema="tpch"))
    subprocess.run([_SELFSERVE, "sql", "-f", made], check=True, capture_output=True)
    script = folder / "tpch.sql"
    script.write_text(";\n".join(query(number) for number in NUMBERS))
    ours = command([_SELFSERVE, "sql", "-f", str(script), "--schema", "tpch", "-o", "csv"])
    theirs_argv = [_PYTHON, "-c", _BARE, str(dataset.folder), str(script)]
    theirs = command(theirs_argv)
    pair = compare(ours, theirs, rounds=5)
    pair.report("selfserve sql -f tpch.sql", "duckdb, the same queries and files", aim=1.10)
    print("sql: the same, the 22 queries alone: by the records, and by duckdb's own process")
    pair = compare_figures(lambda: _in_sum(ours), lambda: _in_sum_of(theirs_argv), rounds=5)
    pair.report("selfserve sql, from asked to written", "duckdb, each COPY", aim=1.10)


def _in_sum(run: Callable[[], object]) -> float:
    """Seconds that the statements took, by their records."""
    run()
    listed = subprocess.run(
        [_SELFSERVE, "queries", "--limit", str(len(NUMBERS)), "-o", "json"],
        check=True,
        capture_output=True,
    )
    times = [
        datetime.fromisoformat(one["ended"]) - datetime.fromisoformat(one["created"])
        for one in json.loads(listed.stdout)
    ]
    return sum(time.total_seconds() for time in times)


def _in_sum_of(argv: list[str]) -> float:
    """Seconds that the statements took, as the process says on stderr."""
    return float(subprocess.run(argv, check=True, capture_output=True).stderr)


_BARE = """
import pathlib, sys, time, duckdb, duckdb_extension_tpch
con = duckdb.connect()
folder = pathlib.Path(list(duckdb_extension_tpch.__path__)[0])
con.execute(f"LOAD '{folder}/extensions/v{duckdb.__version__}/tpch.duckdb_extension'")
for table in pathlib.Path(sys.argv[1]).iterdir():
    con.execute(f"CREATE VIEW {table.name} AS SELECT * FROM read_parquet('{table}/*.parquet')")
took = 0.0
for text in [row[0] for row in con.execute("FROM tpch_queries() SELECT query").fetchall()]:
    began = time.perf_counter()
    con.execute(f"COPY ({text.rstrip().rstrip(';')}) TO '/dev/stdout' (HEADER)")
    took += time.perf_counter() - began
print(took, file=sys.stderr)
"""


def _csv(home: Home, folder: Path) -> None:
    print(f"sql: {_ROWS:,} rows to CSV, memory")
    source = home.lake / "selfserve-local" / "many" / "part-0.parquet"
    source.parent.mkdir(parents=True)
    rows = (
        f"SELECT range AS id, range * 7 % 1000 AS n, 'row ' || range % 100 AS t FROM range({_ROWS})"
    )
    text = f"COPY ({rows}) TO '{source}'"
    subprocess.run([_PYTHON, "-c", f"import duckdb; duckdb.execute({text!r})"], check=True)
    made = (
        "create table many (id bigint, n bigint, t varchar) with (format = 'PARQUET', "
        "external_location = 's3://selfserve-local/many')"
    )
    subprocess.run([_SELFSERVE, "sql", made], check=True, capture_output=True)
    daemon_client.stop(home)
    subprocess.run(
        [_SELFSERVE, "sql", "select count(*) from many"], check=True, capture_output=True
    )
    bare = f"COPY (SELECT * FROM '{source}') TO '{folder / 'theirs.csv'}' (HEADER)"
    theirs = _peak([_PYTHON, "-c", f"import duckdb; duckdb.execute({bare!r})"], list)
    out = folder / "ours.csv"
    ours = _peak(
        [_SELFSERVE, "sql", "select * from many", "--out", str(out)], lambda: _workers(home)
    )
    above = (ours - theirs) / 1e6
    verdict = "met" if above <= 300 else "MISSED"
    print(f"  selfserve sql --out, with its worker           {ours / 1e6:8.0f} MB")
    print(f"  duckdb COPY                                    {theirs / 1e6:8.0f} MB")
    print(f"  above it {above:.0f} MB   (aim: 300 MB or less, {verdict})\n")


def _workers(home: Home) -> list[psutil.Process]:
    return find_services(home.root, "sql")


def _peak(argv: list[str], others: Callable[[], list[psutil.Process]]) -> int:
    """The most bytes that a process and those that work for it have held at once."""
    beside = others()
    process = psutil.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most, done = 0, threading.Event()
    while process.poll() is None:
        held = 0
        for one in (process, *beside):
            try:
                held += one.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        most = max(most, held)
        done.wait(_SAMPLE_S)
    if process.returncode:
        raise RuntimeError(f"{argv[0]} failed")
    return most


if __name__ == "__main__":
    main()
