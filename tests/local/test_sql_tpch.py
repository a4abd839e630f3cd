"""TPC-H at scale factor 1 through `selfserve sql`: every result is the published one."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfserve.local import daemon_client
from selfserve.local.home import Home
from tpch import NUMBERS, Dataset, as_published, published, query

SCALE = 1
_SELFSERVE = str(Path(sys.executable).with_name("selfserve"))

pytestmark = pytest.mark.spark  # its tables are in Hive's metastore, which runs from Spark's jars


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("tpch")
    home = Home(folder / "home")
    dataset = Dataset.generate(home.lake / "selfserve-local" / "tpch", scale=SCALE)
    _sql(home, dataset.statements("s3://selfserve-local/tpch", schema="tpch"))
    yield home
    daemon_client.stop(home)


def _sql(home: Home, text: str, *options: str) -> str:
    done = subprocess.run(
        [_SELFSERVE, "sql", "-", "--schema", "tpch", *options],
        input=text,
        env={**os.environ, "SELFSERVE_LOCAL_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("number", NUMBERS)
def test_a_query_of_tpch_gives_the_published_answer(home: Home, number: int) -> None:
    expected = published(number, scale=SCALE)

    rows = list(csv.reader(_sql(home, query(number), "-o", "csv").splitlines()))[1:]

    shown = [
        [as_published(value, known) for value, known in zip(row, line, strict=True)]
        for row, line in zip(rows, expected, strict=True)
    ]
    assert shown == expected
