"""What the refusals of Hive's metastore mean to a person: one context manager."""

from collections.abc import Iterator
from contextlib import contextmanager

from selfserve.errors import BadInputError, ClusterFailedError, NotFoundError, SelfserveError


class MetastoreGoneError(ClusterFailedError):
    """Nobody answers there, or the answer was cut off."""


_NOT_FOUND = {
    "NoSuchObjectException",
    "UnknownDBException",
    "UnknownTableException",
    "InvalidObjectException",  # of the schema of a new table
}


@contextmanager
def metastore_errors(doing: str) -> Iterator[None]:
    """Turn Thrift's exceptions into SelfserveErrors; let everything else pass.

    Args:
        doing: what is going on, to stand after "while", such as "listing the schemas".
    """
    from thrift.protocol.TProtocol import TProtocolException  # noqa: PLC0415  slow to load
    from thrift.Thrift import TException  # noqa: PLC0415
    from thrift.transport.TTransport import TTransportException  # noqa: PLC0415

    try:
        yield
    except (TTransportException, TProtocolException, OSError, EOFError) as error:
        raise MetastoreGoneError(
            f"The table catalogue of this machine does not answer while {doing}: {error}",
            hint="Run the statement again; the catalogue is then started anew.",
        ) from error
    except TException as error:
        raise _refused(doing, error) from error


def _refused(doing: str, error: Exception) -> SelfserveError:
    """Generated exceptions have names and a message; their classes are slow to load."""
    kind = type(error).__name__
    said = getattr(error, "message", None) or str(error) or kind
    if kind == "AlreadyExistsException":
        return BadInputError(
            f"There is one of this name already while {doing}.",
            hint="Choose another name, or add IF NOT EXISTS.",
        )
    if kind in _NOT_FOUND or "does not exist" in said:
        return NotFoundError(
            f"Not found while {doing}: {said}",
            hint="See what there is: SHOW SCHEMAS, and SHOW TABLES FROM NAME",
        )
    if kind == "InvalidOperationException" and "not empty" in said:
        return BadInputError(
            f"The schema has tables still while {doing}.",
            hint="Drop its tables first: DROP TABLE NAME",
        )
    return BadInputError(
        f"The table catalogue refused while {doing}: {said}", hint="Change the statement."
    )
