"""Who may hold an object key beside whom."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from selfserve.local.lake.key_locks import KeyLocks

FOREVER_S = 60.0


def test_readers_share_a_key_and_other_keys_are_free() -> None:
    async def scenario() -> None:
        locks = KeyLocks(patience_s=FOREVER_S)
        async with locks.reading("key"), locks.reading("key"), locks.writing("other"):
            pass
        assert locks.is_empty()

    asyncio.run(scenario())


@pytest.mark.parametrize("first", ["reading", "writing"])
def test_a_writer_waits_for_whoever_was_there(first: str) -> None:
    async def scenario() -> list[str]:
        locks = KeyLocks(patience_s=FOREVER_S)
        seen: list[str] = []

        async def write() -> None:
            async with locks.writing("key"):
                seen.append("wrote")

        async with getattr(locks, first)("key"):
            writer = asyncio.create_task(write())
            await asyncio.sleep(0)
            seen.append("left")
        await writer
        return seen

    assert asyncio.run(scenario()) == ["left", "wrote"]


def test_a_reader_does_not_wait_for_ever() -> None:
    async def scenario() -> None:
        locks = KeyLocks(patience_s=0.01)
        async with locks.writing("key"), locks.reading("key"):
            pass

    asyncio.run(scenario())


def test_who_gives_up_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        locks = KeyLocks(patience_s=FOREVER_S)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(locks.writing("key"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), locks.writing("key"):
                    pass
        async with locks.writing("key"):
            pass
        assert locks.is_empty()

    asyncio.run(scenario())
