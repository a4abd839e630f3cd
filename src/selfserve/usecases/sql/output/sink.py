"""Where the bytes of a result go: a file, an object in S3, standard output."""

from types import TracebackType
from typing import Protocol, Self


class Sink(Protocol):
    """What writers write to: a part of Python's binary files, and what pyarrow asks of them."""

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""

    def write(self, data: bytes, /) -> int:
        """Take all of it; the number of bytes."""

    def flush(self) -> None:
        """Pass on what waits, where that is possible."""


class Destination(Sink, Protocol):
    """A sink that is there as a whole after the `with` block, or, if that fails, not at all."""

    def __enter__(self) -> Self:
        """Raises BadInputError or AwsError if nothing can be written there."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish it, or after an error remove what was written."""
