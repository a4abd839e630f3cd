"""DuckDB's errors as what people see."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfserve.errors import AwsError, BadInputError, InterruptedByUserError, SelfserveError

_CONTEXT = re.compile(r"\n\nLINE \d+:.*", re.DOTALL)
_KIND = re.compile(r"^([A-Za-z ]+) Error: ")
_NO_SPACE = re.compile(
    r"No space left on device|max_temp_directory_size|failed to offload", re.IGNORECASE
)
_FORBIDDEN = re.compile(r"HTTP 403|403 \(?Forbidden|AccessDenied|Access Denied", re.IGNORECASE)
_MEMORY = re.compile(r"Out of Memory", re.IGNORECASE)
_BROKEN_FILE = re.compile(
    r"Failed to read file|Malformed JSON|JSON transform error|not utf-8|Invalid unicode|decompress"
    r"|Thrift|dictionary offset|Corrupt|GZIP|ZSTD|\bORC\b"
    r"|line of table|Failed to cast value to|but the file has|Expected OBJECT",
    re.IGNORECASE,
)
_ADVICE = re.compile(r"\n(?:Try setting|Possible|\s*file = ).*", re.DOTALL)
"""How DuckDB's own functions could be called otherwise, which nobody here has called."""
_CSV = re.compile(r"CSV Error on Line: (\d+)\n(?:Original Line: .*?\n)?(.*)", re.DOTALL)
_CSV_FILE = re.compile(r"^  file = (.*)$", re.MULTILINE)
_REMOTE = re.compile(r"(?:https?|s3)://")
_URL = re.compile(r"(?:https?|s3)://\S+|'[^']+'|\"[^\"]+\"")


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turn DuckDB's exceptions into `SelfserveError`s; let everything else pass.

    Raises:
        InterruptedByUserError: the query was cancelled.
        BadInputError: the statement or the data cannot be used, or there is no room.
        AwsError: S3 refused.
    """
    import duckdb  # noqa: PLC0415  100 ms; whoever runs a statement has loaded it

    try:
        yield
    except duckdb.Error as error:
        raise to_selfserve(error) from error


@contextmanager
def stream_errors() -> Iterator[None]:
    """The same while rows are read: there DuckDB's errors come in the clothes of Arrow's.

    Raises: as `engine_errors` does.
    """
    from pyarrow import ArrowException  # noqa: PLC0415  70 ms; whoever reads rows has loaded it

    try:
        with engine_errors():
            yield
    except (OSError, ArrowException) as error:
        raise to_selfserve(error) from error


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about `path` into what people see.

    Raises:
        BadInputError: nothing can be written there.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _no_space(str(error.strerror)) from error
        raise BadInputError(
            f"{path} cannot be written: {error.strerror}.",
            hint="Write the result elsewhere, or ask whoever owns that folder.",
        ) from error


def _no_space(said: str) -> SelfserveError:
    return BadInputError(
        f"The disk is full: {said}",
        hint="Free some space, or write the result elsewhere: selfserve sql … --out s3://…",
    )


def cancelled() -> SelfserveError:
    """The error of a query that somebody has cancelled."""
    return InterruptedByUserError(
        "The query was cancelled.", hint="Run it again with: selfserve sql --again"
    )


def to_selfserve(error: Exception) -> SelfserveError:
    """What one of DuckDB's errors means for its user."""
    text = str(error)
    kind = found[1].upper() if (found := _KIND.match(text)) else ""
    said = _without_advice(_KIND.sub("", _CONTEXT.sub("", text)).strip())
    if kind == "INTERRUPT":
        return cancelled()
    if _NO_SPACE.search(said):
        return _no_space(said)
    if _MEMORY.search(said) or kind == "OUT OF MEMORY":
        return BadInputError(
            f"The query needs more memory than this machine has: {said.splitlines()[0]}",
            hint="Run it on a cluster: selfserve sql … --on aws",
        )
    if kind == "HTTP" or (kind == "IO" and _REMOTE.search(said) and _is_forbidden(said)):
        return _refused_by_s3(said)
    hint = "Look at the tables' columns: selfserve sql 'describe T'"
    if _BROKEN_FILE.search(said):
        hint = "Look at that file, or move it out of the table's folder."
    elif kind == "CONVERSION" or said.startswith("Cannot cast"):
        hint = "Let what does not fit be NULL: try_cast(… as …)"
    return BadInputError(f"The query failed: {said}", hint=hint)


def _is_forbidden(said: str) -> bool:
    """Whether it says so; the name of a file may have these words, too."""
    return _FORBIDDEN.search(_URL.sub("", said)) is not None


def _without_advice(said: str) -> str:
    if csv := _CSV.search(said):
        file = _CSV_FILE.search(said)
        where = f"line {csv[1]} of {file[1]}" if file else f"line {csv[1]}"
        said = f"{where} cannot be read: {csv[2].strip()}"
    return _ADVICE.sub("", said).strip()


def _refused_by_s3(said: str) -> SelfserveError:
    where = _URL.search(said)
    place = where.group().strip("'\"") if where else "the table's files"
    if _is_forbidden(said):
        return AwsError(
            f"S3 does not let you read {place}.",
            hint="Ask your administrator for s3:GetObject and s3:ListBucket on that prefix.",
        )
    return AwsError(f"S3 could not be read: {said}", hint="Check the network, then try again.")
