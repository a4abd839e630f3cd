"""What each Spark version needs beside itself: Python, Java and numpy versions.

Pure. Sources: the "Downloading" section of each version's documentation
(https://spark.apache.org/docs/<version>/), the classifiers of pyspark on PyPI,
and SPARK-48710 (pyspark 3 does not work with numpy 2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SparkNeeds:
    """The requirements of one Spark version."""

    spark: str
    pythons: tuple[Version, ...]
    """Such as (3, 11); oldest first."""
    java: tuple[int, ...]
    """Feature versions; the one to install first."""
    numpy: str
    """A requirement, such as numpy<2."""
    download_mb: int


@dataclass(frozen=True, slots=True)
class _Row:
    since: Version
    oldest_python: int
    newest_python: int
    java: tuple[int, ...]
    numpy: str
    download_mb: int


# numpy 1.24 dropped np.bool, which pyspark uses up to 3.3.
_ROWS = (
    _Row((4, 2), 10, 14, (17, 21, 25), "numpy>=1.22", 450),
    _Row((4, 1), 10, 14, (17, 21), "numpy>=1.22", 450),
    _Row((4, 0), 9, 13, (17, 21), "numpy>=1.21", 450),
    _Row((3, 5), 8, 12, (17, 11, 8), "numpy<2", 320),
    _Row((3, 4), 7, 11, (17, 11, 8), "numpy<2", 310),
    _Row((3, 3), 7, 10, (17, 11, 8), "numpy<1.24", 280),
    _Row((3, 2), 6, 9, (11, 8), "numpy<1.24", 280),
    _Row((3, 1), 6, 9, (11, 8), "numpy<1.24", 210),
    _Row((3, 0), 6, 8, (11, 8), "numpy<1.24", 210),
    _Row((2, 4), 5, 7, (8,), "numpy<1.20", 220),
)


def needs_of(spark: str) -> SparkNeeds:
    """The requirements of Spark `spark`; those of the nearest known line for others."""
    version = parse_version(spark)
    row = next((row for row in _ROWS if row.since <= version), _ROWS[-1])
    pythons = tuple((3, minor) for minor in range(row.oldest_python, row.newest_python + 1))
    return SparkNeeds(spark, pythons, row.java, row.numpy, row.download_mb)


def nearest_pythons(needs: SparkNeeds, wanted: str) -> Sequence[Version]:
    """The Pythons that fit, best first: the wanted one, then the nearest, newer before older."""
    target = parse_version(wanted)[:2]
    return sorted(needs.pythons, key=lambda python: (abs(python[1] - target[1]), -python[1]))


def parse_version(text: str) -> Version:
    """`3.5.8` as numbers; ends at the first part that is not one."""
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
