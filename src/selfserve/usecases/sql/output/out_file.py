"""A file for a result: as a whole, or not at all.

It is written beside its final place under a hidden name, and gets its own name at the end.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from selfserve.core.quantities import format_size
from selfserve.errors import BadInputError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BUFFER_BYTES = 1024 * 1024


class OutFile:
    """A `Destination` on this machine.

    What is no regular file, such as /dev/stdout or a pipe, is written to directly.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self._shown = path
        self._path = path.expanduser().resolve()  # through a link, to the file behind it
        self._force = force
        self._part: Path | None = None
        self._file: BinaryIO | None = None
        self._written = 0

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._file is None or self._file.closed

    def write(self, data: bytes, /) -> int:
        """Raises BadInputError when the disk is full."""
        if self._file is None:
            raise ValueError("write outside of the with block")
        with self._trouble():
            self._file.write(data)
        self._written += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing: the file is whole at its end or not there."""

    def __enter__(self) -> Self:
        self._refuse_what_is_there()
        with self._trouble():
            if self._path.exists() and not self._path.is_file():
                self._file = self._path.open("wb", buffering=_BUFFER_BYTES)
                return self
            part = self._path.with_name(f".{self._path.name[:200]}.{secrets.token_hex(4)}.part")
            self._file = part.open("xb", buffering=_BUFFER_BYTES)
            self._part = part
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            with self._trouble():
                self._close(give_up=kind is not None)
            if kind is None and self._part is not None:
                self._refuse_what_is_there()
                with self._trouble():
                    self._part.replace(self._path)
        finally:
            if self._part is not None:
                self._part.unlink(missing_ok=True)  # gone, if all went well

    def _close(self, *, give_up: bool) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError:
            if not give_up:
                raise  # of a file that is given up, the last bytes do not matter

    def _refuse_what_is_there(self) -> None:
        if self._path.is_dir():
            raise BadInputError(
                f"{self._shown} is a folder.",
                hint=f"Name a file in it: --out {self._shown / 'result.csv'}",
            )
        if self._path.is_file() and not self._force:
            raise BadInputError(
                f"{self._shown} is there already.",
                hint="Choose another name, or overwrite it with: --force",
            )

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # a reader that has gone is no trouble of the file's
            raise
        except FileNotFoundError as error:
            folder = self._shown.parent
            if folder.is_dir():  # one that makes no files, such as /proc
                raise BadInputError(
                    f"No file can be made in {folder}.",
                    hint="Choose a place that you may write to, such as: --out ~/result.csv",
                ) from error
            raise BadInputError(
                f"There is no folder {folder}.", hint=f"Make it with: mkdir -p {folder}"
            ) from error
        except OSError as error:
            if error.errno in _FULL:
                raise self._full() from error
            raise BadInputError(
                f"Cannot write {self._shown}: {os.strerror(error.errno or 0)}.",
                hint="Choose a place that you may write to, such as: --out ~/result.csv",
            ) from error

    def _full(self) -> BadInputError:
        return BadInputError(
            f"No room for {self._shown}: the result is larger than the disk has space for. "
            f"It was full after {format_size(self._written)}; nothing of it was kept.",
            hint="Write it to S3 with --out s3://BUCKET/NAME, in less space with -o parquet, "
            "or free some space.",
        )
