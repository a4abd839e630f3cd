"""Connections to the metastore that are used again."""

from selfserve.local.sql.connection_pool import ConnectionPool


class Line:
    """A connection."""

    def __init__(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


class Exchange:
    """Makes connections, and knows them all."""

    def __init__(self) -> None:
        self.made: list[Line] = []
        self.pool = ConnectionPool(self._make)

    def _make(self) -> Line:
        self.made.append(Line())
        return self.made[-1]


def test_one_call_after_the_other_needs_one_connection() -> None:
    exchange = Exchange()

    had_stood = []
    for _ in range(3):
        line, stood = exchange.pool.take()
        had_stood.append(stood)
        exchange.pool.give(line)

    assert had_stood == [False, True, True]
    assert len(exchange.made) == 1


def test_nobody_shares_a_connection() -> None:
    exchange = Exchange()

    (one, _), (other, _) = exchange.pool.take(), exchange.pool.take()

    assert one is not other


def test_after_many_calls_at_once_few_connections_stay() -> None:
    exchange = Exchange()
    lines = [exchange.pool.take()[0] for _ in range(20)]

    for line in lines:
        exchange.pool.give(line)

    assert sum(line.is_open for line in exchange.made) == 4


def test_what_is_dropped_is_closed_and_not_used_again() -> None:
    exchange = Exchange()
    line, _ = exchange.pool.take()

    exchange.pool.drop(line)

    assert not line.is_open
    assert exchange.pool.take()[0] is not line


def test_all_are_closed_and_those_in_use_when_they_come_back() -> None:
    exchange = Exchange()
    (used, _), (idle, _) = exchange.pool.take(), exchange.pool.take()
    exchange.pool.give(idle)

    exchange.pool.clear()

    assert (used.is_open, idle.is_open) == (True, False)
    exchange.pool.give(used)
    assert not used.is_open
    assert exchange.pool.take() == (exchange.made[2], False)
