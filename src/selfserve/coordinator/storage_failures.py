"""What went wrong with the files of a table, told from an engine's message and its causes. Pure."""

import re

from selfserve.errors import AwsError, BadInputError, SelfserveError

_URI = re.compile(r"s3[an]?://[^\s,;:'\"()<>\[\]]+")
_FORBIDDEN = re.compile(
    r"access ?denied|status code: 403|\b403 forbidden|not authorized to perform", re.IGNORECASE
)
_ABSENT = re.compile(
    r"status code: 404|NoSuchKey|no such key|file does not exist|does not exist: s3", re.IGNORECASE
)
_MISMATCH = re.compile(
    r"unsupported (trino|presto|hive)? ?column type|is declared as type|type mismatch"
    r"|mismatch between the table and partition schemas|cannot be (read|coerced)",
    re.IGNORECASE,
)
_BAD_FILE = {
    "HIVE_BAD_DATA",
    "HIVE_CANNOT_OPEN_SPLIT",
    "HIVE_CURSOR_ERROR",
    "HIVE_MISSING_DATA",
    "HIVE_UNKNOWN_ERROR",
    "PARQUET_BAD_DATA",
}
_FILE_SYSTEM = {"HIVE_FILESYSTEM_ERROR", "HIVE_METASTORE_ERROR", "HIVE_WRITER_OPEN_ERROR"}
_SCHEMAS = {"HIVE_PARTITION_SCHEMA_MISMATCH", "HIVE_INVALID_PARTITION_VALUE"}


def storage_failure(text: str, *, name: str, engine: str) -> SelfserveError | None:
    """What the error `name` with these messages says of files; None if nothing.

    Args:
        text: the message, then those of its causes, a line each.
        name: the engine's name of the error, such as HIVE_BAD_DATA.
        engine: as people write it.
    """
    uri = _first_uri(text)
    first = text.splitlines()[0]
    if uri is not None and _FORBIDDEN.search(text):
        return _forbidden(uri, engine)
    if name in _SCHEMAS or (name in _BAD_FILE and _MISMATCH.search(text)):
        at = f" See {uri}." if uri is not None and uri not in first else ""
        return BadInputError(
            f"Files of one table do not have the same columns: {first}{at}",
            hint="Keep files of different columns in different folders, each a table of its own; "
            "or write those anew that differ.",
        )
    if name in _BAD_FILE and uri is not None:
        return _unreadable(uri, first, absent=bool(_ABSENT.search(text)), engine=engine)
    return None


def _forbidden(uri: str, engine: str) -> AwsError:
    prefix = uri if uri.endswith("/") else uri.rpartition("/")[0] + "/"
    return AwsError(
        f"{engine} has no permission to read {prefix}",
        hint="The cluster reads with the role of its instance profile: ask your administrator to "
        f"allow it s3:GetObject and s3:ListBucket there. Your own right: aws s3 ls {prefix}",
    )


def _unreadable(uri: str, first: str, *, absent: bool, engine: str) -> BadInputError:
    if absent:
        return BadInputError(
            f"A file of the table went away while {engine} read it: {uri}",
            hint="Somebody wrote the table meanwhile; ask again.",
        )
    return BadInputError(
        f"{engine} cannot read {uri}: {first}",
        hint="The file is not what the table's format says. Move it away, or write it anew: "
        f"aws s3 cp {uri} . shows what it is.",
    )


def _first_uri(text: str) -> str | None:
    """Spelled s3://, as people do; without the range of bytes or the full stop after it."""
    found = _URI.search(text)
    return None if found is None else re.sub(r"^s3[an]:", "s3:", found.group()).rstrip(".")
