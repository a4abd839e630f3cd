"""Connections that were used and can be used again, by whichever thread is next."""

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

_MOST_IDLE = 4


class Closable(Protocol):
    """What is pooled."""

    def close(self) -> None:
        """End it. Idempotent."""


_C = TypeVar("_C", bound=Closable)


class ConnectionPool(Generic[_C]):
    """Thread-safe. Whoever takes a connection gives it back, or drops it."""

    def __init__(self, make: Callable[[], _C]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._idle: list[_C] = []
        self._taken: set[int] = set()
        """Identities of those that may come back; after `clear` none may."""

    def take(self) -> tuple[_C, bool]:
        """One for the caller alone, and whether it had stood: the one that was used last."""
        with self._lock:
            found = self._idle.pop() if self._idle else None
        connection = self._make() if found is None else found  # which takes time
        with self._lock:
            self._taken.add(id(connection))
        return connection, found is not None

    def give(self, connection: _C) -> None:
        """It is in order, and the next may have it."""
        with self._lock:
            is_welcome = id(connection) in self._taken and len(self._idle) < _MOST_IDLE
            self._taken.discard(id(connection))
            if is_welcome:
                self._idle.append(connection)
        if not is_welcome:
            connection.close()

    def drop(self, connection: _C) -> None:
        """It is of no use any more."""
        with self._lock:
            self._taken.discard(id(connection))
        connection.close()

    def clear(self) -> None:
        """Close all; those that are in use now, as soon as they come back."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._taken.clear()
        for connection in idle:
            connection.close()
