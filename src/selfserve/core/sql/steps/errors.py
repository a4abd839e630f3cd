"""What Spark and Hive say is wrong with a statement, and where. Pure.

Both say it in sentences that differ from version to version; where one is not
understood, it is told as it is, without a place.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfserve.core.sql.problems import SqlError, sql_error
from selfserve.errors import BadInputError, SelfserveError

_SPARK_PLACE = re.compile(
    r"\(line (?P<line>\d+), pos (?P<pos>\d+)\)|; line (?P<line2>\d+) pos (?P<pos2>\d+)"
    r"|== SQL ?\(line (?P<line3>\d+), position (?P<at>\d+)\) =="
)
_SPARK_PLAN = re.compile(r"\n+(== SQL|'?\w+ \[|\+- |'\w+).*", re.DOTALL)
_CODE = re.compile(r"^\s*\[[A-Z_0-9.]+\] ")
_HIVE_PLACE = re.compile(r"(?i)\bline (\d+):(\d+) ")
_HIVE_FAILED = re.compile(r"^FAILED: (?:(\w+Exception) )?(.+)$", re.MULTILINE)
_HIVE_CODE = re.compile(r"^\[Error \d+\]: ")
_SPARK_STARTS = re.compile(r"^(?:Error in query: )?(?=\[[A-Z_0-9.]+\] )", re.MULTILINE)
_STATEMENTS_OWN = {"ParseException", "AnalysisException", "SemanticException"}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an engine says is wrong; lines and columns count from 1."""

    what: str
    line: int | None = None
    column: int | None = None
    is_statements: bool = True
    """Whether the statement is wrong, rather than what it met with when it ran."""


Place = Callable[[int, int], tuple[int, int]]
"""From a line and a column of what was run to those of what the user wrote."""


def as_written(line: int, column: int) -> tuple[int, int]:
    """The Place of a text that was run as it was written."""
    return line, column


def spark_complaint(kind: str, message: str, causes: Sequence[str] = ()) -> Complaint:
    """What Spark says, from its error's class, its message and the Java exceptions behind it."""
    found = _SPARK_PLACE.search(message)
    is_statements = kind in _STATEMENTS_OWN or found is not None
    if not is_statements and causes:
        message = causes[-1].partition(": ")[2] or causes[-1]
    said = _first_sentences(message)
    if found is None:
        return Complaint(said, is_statements=is_statements)
    line = int(found["line"] or found["line2"] or found["line3"])
    position = found["pos"] or found["pos2"]
    return Complaint(said, line, int(position) + 1 if position else int(found["at"]))


def hive_complaint(log: str) -> Complaint | None:
    """What Hive's client, or Spark's in its place, has printed; None: nothing of the kind."""
    failed = _HIVE_FAILED.search(log)
    if failed is None:
        return _complaint_of_spark_sql(log)
    said = _HIVE_CODE.sub("", failed[2]).strip()
    found = _HIVE_PLACE.search(said)
    is_statements = failed[1] in _STATEMENTS_OWN
    if found is None:
        return Complaint(said, is_statements=is_statements)
    what = (said[: found.start()] + said[found.end() :]).strip()
    return Complaint(_capital(what), int(found[1]), int(found[2]) + 1)


def _complaint_of_spark_sql(log: str) -> Complaint | None:
    """What stands between Spark's own lines, from its code to the place."""
    starts = [found.end() for found in _SPARK_STARTS.finditer(log)]
    place = _SPARK_PLACE.search(log)
    if place is None:
        return spark_complaint("AnalysisException", log[starts[-1] :]) if starts else None
    line_start = log.rfind("\n", 0, place.start()) + 1
    start = max((start for start in starts if start < place.start()), default=line_start)
    return spark_complaint("AnalysisException", log[start : place.end()])


def to_error(complaint: Complaint, text: str, place: Place = as_written) -> SelfserveError:
    """The error for the user who wrote `text`."""
    hint = _hint(complaint.what)
    if complaint.line is not None and complaint.column is not None:
        line, column = place(complaint.line, complaint.column)
        length = _length_at(text, line, column)
        what = complaint.what
        return sql_error(what, text, line=line, column=column, length=length, hint=hint)
    kind = SqlError if complaint.is_statements else BadInputError
    return kind(complaint.what, hint=hint)


def data_error(causes: Sequence[str]) -> SelfserveError | None:
    """The error for files that are not what their table says; None: it is something else."""
    said = "\n".join(causes)
    if found := re.search(r"(\S+) is not a Parquet file", said):
        return BadInputError(
            f"{_uri(found[1])} is not a Parquet file, but lies in the folder of a Parquet table.",
            hint=f"Look at it, then move it away: aws s3 cp {_uri(found[1])} -",
        )
    mixed = re.search(
        r"file (\S+?)\.? Column: \[(.+?)\], Expected: (.+?), Found: (\w+)", said
    ) or re.search(r"reading file (\S+?)\.? .*Column: \[(.+?)\].*?\"(.+?)\".*?\"(\w+)\"", said)
    if mixed:
        uri, column, wanted, there = mixed.groups()
        return BadInputError(
            f"The files of the table do not have one schema: column {column} is {there} in "
            f"{_uri(uri)}, and {wanted} in the table.",
            hint="Write the files anew with one schema, or give each schema a table of its own.",
        )
    if re.search(r"AccessDenied|Access Denied|Status Code: 403", said):
        return BadInputError(
            f"S3 does not let the cluster read that: {causes[-1].partition(': ')[2]}",
            hint="Ask your administrator to let the cluster's role read the table's folder.",
        )
    if found := re.search(r"No FileSystem for|NoSuchBucket|bucket does not exist", said):
        return BadInputError(
            f"There is no such bucket: {causes[-1].partition(': ')[2]}",
            hint="Look at the table's location: SHOW CREATE TABLE NAME",
        )
    return None


def _first_sentences(message: str) -> str:
    """Without Spark's code, its marks, its plan and its advice to programmers."""
    said = _CODE.sub("", _SPARK_PLAN.sub("", message.strip()))
    said = _SPARK_PLACE.sub("", said).strip().partition("\n")[0].strip()
    for advice in (
        " Verify the spelling",
        " Please, fix `args`",
        " If necessary set ",
        " SQLSTATE:",
    ):
        said = said.partition(advice)[0]
    return said.rstrip(" ;") or message.strip().partition("\n")[0]


def _hint(what: str) -> str:
    lowered = what.lower()
    if "parameter" in lowered and "unbound" in lowered:
        name = what.rpartition(": ")[2].strip("`. ")
        return f"Give it a value: --param {name}=VALUE"
    if "already exists" in lowered or "ambiguous" in lowered:
        return "Give each column a name of its own: SELECT a.id, b.id AS other_id"
    if "table or view" in lowered or "table not found" in lowered:
        return "See what tables there are: SHOW TABLES"
    if "column" in lowered:
        return "See the columns of a table: DESCRIBE NAME"
    if "function" in lowered or "routine" in lowered:
        return "See what functions there are: SHOW FUNCTIONS"
    return "Correct the statement, then run it again."


def _length_at(text: str, line: int, column: int) -> int:
    """How long the word is that stands there."""
    lines = text.splitlines()
    if not 1 <= line <= len(lines):
        return 1
    found = re.compile(r"`[^`]*`|'[^']*'|[\w.]+").match(lines[line - 1], column - 1)
    return len(found[0]) if found else 1


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _uri(text: str) -> str:
    """An S3 URI, for what Hadoop calls a file of the local lake."""
    found = re.match(r"(?:raw)?file:/*(/.*?/lake)/(.*)", text)
    return f"s3://{found[2]}" if found else text
