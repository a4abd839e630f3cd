"""The estimate of bytes before a query runs, beside the bytes that the engine asks for."""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.ten_queries import KNOWN_WHILE_IT_RUNS, QUERIES, Lake, make_lake

_AIM = 0.10
_TPCH = Path(__file__).parent.parent / "tests" / "fixtures" / "tpch"


def main() -> None:
    """Print what was expected, what was read, and their ratio, for each query."""
    print("Bytes expected from footers / bytes read over HTTP by the embedded engine")
    with tempfile.TemporaryDirectory() as scratch:
        lake = make_lake(Path(scratch) / "lake")
        _compare_all(lake, QUERIES, Path(scratch))
        print("Known only while it runs, so the estimate is an upper bound")
        for name, sql in KNOWN_WHILE_IT_RUNS.items():
            _compare(lake, name, sql, Path(scratch))
        print("TPC-H, scale factor 0.1")
        tpch = {f"TPC-H {file.stem}": file.read_text("utf-8") for file in sorted(_TPCH.glob("*"))}
        _compare_all(lake, tpch, Path(scratch))
    print()


def _compare_all(lake: Lake, queries: Mapping[str, str], scratch: Path) -> None:
    met = [_compare(lake, name, sql, scratch) for name, sql in queries.items()]
    print(f"  {sum(met)} of {len(met)} within {_AIM:.0%}   (aim: all)")


def _compare(lake: Lake, name: str, sql: str, scratch: Path) -> bool:
    began = time.perf_counter()
    expected = lake.estimate(sql).bytes
    took_s = time.perf_counter() - began
    read = lake.bytes_read(sql, scratch / "temp")
    print(f"  {name:<38} {expected:>12,} {read:>12,} {expected / read:8.3f} x in {took_s:.2f} s")
    return abs(expected / read - 1) <= _AIM


if __name__ == "__main__":
    main()
