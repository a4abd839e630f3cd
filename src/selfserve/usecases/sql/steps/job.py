"""The program that runs a statement on a cluster: our own, shipped as a job's code is."""

from functools import cache
from pathlib import Path, PurePosixPath

import selfserve
from selfserve.core.program import Entry, EntryKind, JobKind
from selfserve.packing.files import SourceFile
from selfserve.packing.sources import JobSource
from selfserve.usecases.packages.packaging import Bench, Package, Wish, make_package
from selfserve.usecases.placement.destination import Destination

_MODULE = "selfserve.sql_job"

SPARK_FLAGS = ("--conf", "spark.sql.catalogImplementation=hive")
"""Without it, Spark of a Python job knows no tables but those that the job has made."""


def package_job(name: str, destination: Destination, bench: Bench) -> Package:
    """Pack the program; `name` is what the run is called.

    Raises:
        OSError: the cache cannot be written.
    """
    root, files = _source()
    source = JobSource(
        kind=JobKind.PYTHON,
        name=name,
        path=root / "sql_job",
        root=root.parent,
        files=files,
        entry=Entry(EntryKind.MODULE, _MODULE),
    )
    return make_package(source, Wish(), destination, bench)


@cache
def _source() -> tuple[Path, tuple[SourceFile, ...]]:
    """The package's folder, and what of it is shipped: under its own name, and nothing else."""
    root = Path(selfserve.__file__).parent
    paths = [root / "__init__.py", *sorted((root / "sql_job").glob("*.py"))]
    return root, tuple(
        SourceFile(PurePosixPath("selfserve", *path.relative_to(root).parts), path, size)
        for path in paths
        for size in [path.stat().st_size]
    )
