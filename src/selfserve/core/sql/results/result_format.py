"""How results are written to files: CSV, JSON or Parquet. Pure."""

from collections.abc import Iterable
from enum import StrEnum


class ResultFormat(StrEnum):
    """A format of files; the values are also the endings of their names."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def format_of_name(name: str) -> ResultFormat | None:
    """What the ending of a file's name or a URI says: `films.parquet`; None: nothing known."""
    ending = name.rpartition(".")[2].lower()
    return ResultFormat(ending) if ending in set(ResultFormat) else None


def distinct_names(names: Iterable[str]) -> list[str]:
    """The names, of which a repeated one gets `_2`, `_3` …: readers take the last of two alike."""
    wanted = list(names)
    taken, distinct = set(wanted), list[str]()
    for index, name in enumerate(wanted):
        found, number = name, 2
        while found in wanted[:index] if found == name else found in taken:
            found, number = f"{name}_{number}", number + 1
        taken.add(found)
        distinct.append(found)
    return distinct
