"""A lock for every object key in use: many may read it at once, or one write it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress


class _Lock:
    def __init__(self) -> None:
        self.users = 0  # all who hold or await it
        self.readers = 0
        self.writers = 0  # who hold or await it: readers wait for them all
        self.is_writing = False
        self._changed = asyncio.Event()

    def tell(self) -> None:
        """Let all who wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._changed.wait()


class KeyLocks:
    """Locks by key, forgotten when nobody holds or awaits them. For one event loop.

    A reader waits `patience_s` at most for writers: it is not to hang on somebody's
    slow upload.
    """

    def __init__(self, *, patience_s: float) -> None:
        self._patience_s = patience_s
        self._locks: dict[str, _Lock] = {}

    def is_empty(self) -> bool:
        """Whether nobody holds or awaits any lock."""
        return not self._locks

    @asynccontextmanager
    async def writing(self, key: str) -> AsyncIterator[None]:
        """Hold the key alone."""
        with self._using(key) as lock:
            lock.writers += 1
            try:
                await lock.until(lambda: not lock.is_writing and not lock.readers)
                lock.is_writing = True
                try:
                    yield
                finally:
                    lock.is_writing = False
            finally:
                lock.writers -= 1
                lock.tell()

    @asynccontextmanager
    async def reading(self, key: str) -> AsyncIterator[None]:
        """Hold the key with other readers; when patience has ended, beside a writer, too."""
        with self._using(key) as lock:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    await lock.until(lambda: not lock.writers)
            lock.readers += 1
            try:
                yield
            finally:
                lock.readers -= 1
                lock.tell()

    @contextmanager
    def _using(self, key: str) -> Iterator[_Lock]:
        lock = self._locks.setdefault(key, _Lock())
        lock.users += 1
        try:
            yield lock
        finally:
            lock.users -= 1
            if not lock.users:
                del self._locks[key]
