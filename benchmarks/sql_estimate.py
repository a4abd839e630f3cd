"""The estimate of bytes before a query runs, beside the bytes that the engine asks for."""

import tempfile
import time
from pathlib import Path

from tests.ten_queries import QUERIES, make_lake

_AIM = 0.10


def main() -> None:
    """Print ten queries: what was expected, what was read, and their ratio."""
    print("Bytes expected from footers / bytes read over HTTP by the embedded engine")
    with tempfile.TemporaryDirectory() as scratch:
        lake = make_lake(Path(scratch) / "lake")
        for name, sql in QUERIES.items():
            began = time.perf_counter()
            expected = lake.estimate(sql).bytes
            took = time.perf_counter() - began
            read = lake.bytes_read(sql, Path(scratch) / "temp")
            ratio = expected / read
            verdict = "met" if abs(ratio - 1) <= _AIM else "MISSED"
            print(
                f"  {name:<38} {expected:>12,} {read:>12,} {ratio:6.3f}  {verdict}"
                f"  (in {took:.2f} s)"
            )
    print()


if __name__ == "__main__":
    main()
