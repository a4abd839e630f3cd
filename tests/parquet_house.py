"""A lake in a folder, with a table of films, to estimate queries on."""

from pathlib import Path

import duckdb
from pyarrow import parquet

from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.estimates.pace import Pace
from selfserve.core.sql.tables import Table, TableColumn
from selfserve.embedded.estimation import Estimator
from selfserve.embedded.files import FolderFiles
from selfserve.embedded.footers import Footers, read_local_range

FILMS = Table(
    schema="lake",
    name="films",
    columns=(
        TableColumn("id", "bigint"),
        TableColumn("title", "varchar"),
        TableColumn("added", "date"),
    ),
    location="s3://lake/films",
)
HERE = Pace.of_this_machine(2)
_COLUMNS = "i AS id, 'x' || i AS title"


class House:
    """A lake in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "films").mkdir()
        self.reads: list[tuple[str, int, int]] = []
        self.files = FolderFiles(lambda uri: folder / uri.removeprefix("s3://lake/"))
        self.footers = Footers(self.read_range)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        self.reads.append((path, start, length))
        return read_local_range(path, start, length)

    def write(
        self, name: str, rows: int = 1_000, columns: str = "i AS id, 'x' || i AS title"
    ) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        duckdb.execute(f"COPY (SELECT {columns} FROM range({rows}) t(i)) TO '{path}'")  # noqa: S608
        return path

    def estimate(
        self, sql: str = "SELECT sum(id) FROM lake.films", table: Table = FILMS, most: int = 500
    ) -> Estimate:
        estimator = Estimator(self.files, self.footers, most_footers=most)
        return estimator.estimate(sql, [table], pace=HERE)


def chunk_bytes(path: Path, column: int) -> int:
    size: int = parquet.read_metadata(path).row_group(0).column(column).total_compressed_size
    return size
