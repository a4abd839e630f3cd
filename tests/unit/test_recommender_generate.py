"""The generator of ratings: the same bytes for a seed, and a truth that is known."""

import importlib.util
import sys
from collections import Counter
from math import sqrt
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "movie_recommender"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_ratings", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_same_seed_gives_the_same_bytes(generate: ModuleType, tmp_path: Path) -> None:
    size = ["--ratings", "2000", "--users", "50", "--movies", "100"]

    for name, seed in [("a", "1"), ("b", "1"), ("c", "2")]:
        generate.main(["--output", str(tmp_path / name), *size, "--seed", seed])

    first, same, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == same
    assert first != other


def test_ratings_look_like_movielens(generate: ModuleType) -> None:
    world = generate.World(users=100, movies=200, seed=3)

    ratings = list(world.ratings(5_000))

    assert str(ratings[0]).count("::") == 3
    assert len({(rating.user, rating.movie) for rating in ratings}) == len(ratings)
    assert {rating.rating for rating in ratings} == {1, 2, 3, 4, 5}
    assert {rating.user for rating in ratings} == set(range(1, 101))
    assert min(Counter(rating.user for rating in ratings).values()) >= generate.FEWEST
    assert len(ratings) == pytest.approx(5_000, rel=0.1)


def test_who_knows_the_truth_errs_by_the_noise_alone(generate: ModuleType) -> None:
    world = generate.World(users=300, movies=200, seed=5)
    ratings = list(world.ratings(20_000))
    mean = sum(rating.rating for rating in ratings) / len(ratings)

    def rmse(errors: list[float]) -> float:
        return sqrt(sum(error * error for error in errors) / len(errors))

    of_truth = rmse([r.rating - world.expected(r.user, r.movie) for r in ratings])
    of_mean = rmse([r.rating - mean for r in ratings])

    rounding = 1 / sqrt(12)
    assert of_truth == pytest.approx(sqrt(generate.NOISE**2 + rounding**2), rel=0.1)
    assert of_mean > 1.7 * of_truth
