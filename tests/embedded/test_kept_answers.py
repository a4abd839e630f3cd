"""Rows that the embedded engine keeps are the same when they are read again."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.rendering import render_text
from selfserve.core.sql.results.sql_types import parse_type
from selfserve.embedded.answer import EmbeddedAnswer
from selfserve.embedded.engine import Engine
from selfserve.embedded.estimation import Estimator
from selfserve.embedded.files import DataFile
from selfserve.embedded.footers import Footers
from selfserve.embedded.sql import EmbeddedSql
from selfserve.usecases.sql.history.kept import KeptAnswer
from sql_ways import NoTables

VALUES = (
    "true",
    "TINYINT '-128'",
    "BIGINT '9223372036854775807'",
    "REAL '0.1'",
    "infinity()",
    "nan()",
    "DECIMAL '1234567890123456789012345678.0123456789'",
    "'Ünï' || chr(10) || 'x'",
    "DATE '0001-01-01'",
    "TIME '23:59:59.999'",
    "TIMESTAMP '2026-01-31 01:02:03.456'",
    "TIMESTAMP '2026-01-31 01:02:03.456 UTC'",
    "ARRAY[1, NULL, 3]",
    "ARRAY[ARRAY['a'], ARRAY[], NULL]",
    "MAP(ARRAY['a', 'b'], ARRAY[1, NULL])",
    "ARRAY[MAP(ARRAY[1], ARRAY[DATE '2026-01-01'])]",
    "NULL",
)


class NoFiles:
    """No table has any."""

    def list_files(self, location: str) -> Sequence[DataFile]:
        """See FileSource."""
        raise AssertionError(location)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSql]:
    files = NoFiles()
    duck = Engine(files, temp_folder=tmp_path_factory.mktemp("temp"))
    sql = EmbeddedSql(duck, NoTables(), estimator=Estimator(files, Footers()))
    yield sql
    sql.close()


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_the_same_when_it_is_read_again(
    engine: EmbeddedSql, tmp_path: Path, value: str
) -> None:
    path = tmp_path / "rows.parquet"
    answer = engine.answer(SqlRequest(text=f"select {value} as v, 1 as n"), keep=path)
    assert isinstance(answer, EmbeddedAnswer)

    rows = [row for batch in answer.batches() for row in batch]
    columns = answer.columns
    assert answer.is_kept
    answer.close()

    again = [row for batch in KeptAnswer(path, columns).batches() for row in batch]
    assert shown(again, columns) == shown(rows, columns)
    assert again == rows or value == "nan()"  # which equals nothing


def shown(rows: Sequence[Row], columns: Sequence[Column]) -> list[list[str]]:
    kinds = [parse_type(column.type) for column in columns]
    return [[render_text(v, kind) for v, kind in zip(row, kinds, strict=True)] for row in rows]
