"""Make raw events as a collector would leave them: JSON lines, some twice, some cut off.

    python generate_events.py --output raw/events.json --events 10000 --days 7

The same seed gives the same bytes. Standard library only.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

FIRST_DAY = datetime(2026, 11, 1)  # noqa: DTZ001  a local time is what the events carry
ACTIONS = ("view", "view", "view", "search", "add_to_cart", "buy")
TWICE = 0.02
CUT_OFF = 0.005


def lines(*, events: int, days: int, seed: int) -> Iterator[str]:
    """`events` different events, their repetitions, and lines that are cut off."""
    chance = random.Random(seed)
    for number in range(events):
        line = json.dumps(make_event(number, days, chance))
        yield line
        if chance.random() < TWICE:
            yield line
        if chance.random() < CUT_OFF:
            yield line[: chance.randrange(1, len(line) - 1)]


def make_event(number: int, days: int, chance: random.Random) -> dict[str, object]:
    """One event; only buying has an amount."""
    action = chance.choice(ACTIONS)
    time = FIRST_DAY + timedelta(seconds=chance.randrange(days * 86_400))
    return {
        "id": f"e-{number:09d}",
        "time": time.isoformat(sep=" "),
        "user": chance.randrange(1, 1_000),
        "action": action,
        "amount": round(chance.uniform(1, 200), 2) if action == "buy" else None,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Generate raw events.")
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args(argv)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with options.output.open("w", encoding="utf-8") as file:
        for line in lines(events=options.events, days=options.days, seed=options.seed):
            file.write(line + "\n")


if __name__ == "__main__":
    main()
