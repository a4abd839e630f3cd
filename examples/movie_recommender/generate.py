"""Make ratings in MovieLens format out of tastes that are known.

    python generate.py --output ratings.dat                    # 1 M, like MovieLens 1M
    python generate.py --output more.dat --ratings 20000000 --users 138000 --movies 27000

Each user and each film has a few hidden features, and a rating is how well they
match, plus noise of known size. So one knows the best error that any model can
reach: about NOISE. The same seed gives the same bytes. Standard library only.
"""

import argparse
import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

MEAN = 3.5
USER_SPREAD = 0.3
MOVIE_SPREAD = 0.4
TASTE_SPREAD = 0.8
NOISE = 0.4
FEWEST = 20  # MovieLens has nobody with fewer ratings
FIRST_SECOND = 956_703_932  # the first timestamp of MovieLens 1M
SECONDS = 90_000_000


@dataclass(frozen=True)
class Rating:
    """One line of the output."""

    user: int
    movie: int
    rating: int
    timestamp: int

    def __str__(self) -> str:
        return f"{self.user}::{self.movie}::{self.rating}::{self.timestamp}"


class World:
    """Users, films and the truth about who likes what. Both are numbered from 1."""

    def __init__(self, *, users: int, movies: int, features: int = 4, seed: int = 17) -> None:
        self._random = random.Random(seed)
        self.users, self.movies = users, movies
        self._user_bias = self._normals(users, USER_SPREAD)
        self._movie_bias = self._normals(movies, MOVIE_SPREAD)
        # The product of two such features summed over all has the spread of tastes.
        spread = (TASTE_SPREAD / features**0.5) ** 0.5
        self._user_tastes = [self._normals(features, spread) for _ in range(users)]
        self._movie_tastes = [self._normals(features, spread) for _ in range(movies)]
        # A few films are seen by nearly everybody, most by few.
        self._popularity = list(accumulate(1 / (place + 10) for place in range(movies)))

    def expected(self, user: int, movie: int) -> float:
        """What `user` thinks of `movie`, before noise and rounding to whole stars."""
        tastes = zip(self._user_tastes[user - 1], self._movie_tastes[movie - 1], strict=True)
        bias = self._user_bias[user - 1] + self._movie_bias[movie - 1]
        return MEAN + bias + sum(a * b for a, b in tastes)

    def ratings(self, total: int) -> Iterator[Rating]:
        """About `total` ratings, at least FEWEST by each user, no film twice by one."""
        activity = [self._random.lognormvariate(0, 1) for _ in range(self.users)]
        per_activity = max(total - FEWEST * self.users, 0) / sum(activity)
        for user in range(1, self.users + 1):
            count = min(FEWEST + round(activity[user - 1] * per_activity), self.movies // 2)
            for movie in sorted(self._watched(count)):
                yield self._rate(user, movie)

    def _watched(self, count: int) -> set[int]:
        watched: set[int] = set()
        while len(watched) < count:
            place = self._random.random() * self._popularity[-1]
            watched.add(min(bisect(self._popularity, place), self.movies - 1) + 1)
        return watched

    def _rate(self, user: int, movie: int) -> Rating:
        stars = round(self.expected(user, movie) + self._random.gauss(0, NOISE))
        second = FIRST_SECOND + self._random.randrange(SECONDS)
        return Rating(user, movie, min(max(stars, 1), 5), second)

    def _normals(self, count: int, spread: float) -> list[float]:
        return [self._random.gauss(0, spread) for _ in range(count)]


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Generate MovieLens-like ratings.")
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--ratings", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=6_040)
    parser.add_argument("--movies", type=int, default=3_706)
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args(argv)
    world = World(users=options.users, movies=options.movies, seed=options.seed)
    with options.output.open("w", encoding="ascii") as file:
        file.writelines(f"{rating}\n" for rating in world.ratings(options.ratings))


if __name__ == "__main__":
    main()
