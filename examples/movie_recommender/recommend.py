"""Recommend films: learn tastes from ratings with ALS, and name every user's top ten.

    selfserve submit recommend.py -c spark-ml -- \
        --ratings s3://BUCKET/ratings.parquet --output s3://BUCKET/top.parquet

Reads the Parquet that prepare.py writes (user, movie, rating, timestamp). Four
fifths of the ratings train a model, whose error on the other fifth is compared
with predicting the mean for everybody. A model of all ratings then recommends,
never a film that the user has rated.
"""

import argparse
import time
from collections.abc import Sequence
from itertools import pairwise

from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  what everybody calls it

STARTED = time.monotonic()


def main(argv: Sequence[str] | None = None) -> None:
    """Run the job."""
    options = parse(argv)
    spark = SparkSession.builder.appName("movie recommender").getOrCreate()
    ratings = spark.read.parquet(options.ratings).cache()
    total = ratings.agg(
        F.count("*").alias("ratings"),
        F.countDistinct("user").alias("users"),
        F.countDistinct("movie").alias("movies"),
    ).first()
    say(f"{total.ratings:,} ratings by {total.users:,} users of {total.movies:,} films")

    # Each block is a task of each of many small stages; ten is what ALS would take for any data.
    blocks = min(10, 1 + total.ratings // 100_000)
    als = ALS(
        userCol="user",
        itemCol="movie",
        ratingCol="rating",
        rank=options.rank,
        maxIter=options.iterations,
        regParam=options.regularization,
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        seed=options.seed,
        coldStartStrategy="drop",  # a user or film without training data has no prediction
    )
    error, error_of_mean = evaluate(als, *split(ratings, options.seed))
    say(f"RMSE {error:.3f}; predicting the mean for everybody: {error_of_mean:.3f}")

    model = als.fit(ratings)
    say(f"trained on all ratings, rank {options.rank}")
    recommend(model, ratings, options.top).write.mode("overwrite").parquet(options.output)
    top = spark.read.parquet(options.output)
    say(f"wrote {top.count():,} recommendations to {options.output}")
    show(top, users=5, films=5)
    spark.stop()


def split(ratings: DataFrame, seed: int) -> tuple[DataFrame, DataFrame]:
    """Four fifths to train on, one fifth to test with.

    By a hash, so that the same rating is on the same side however the data are
    partitioned; randomSplit promises that only for the same partitions.
    """
    bucket = F.pmod(F.xxhash64(F.lit(seed), "user", "movie"), F.lit(5))
    return ratings.where(bucket != 0), ratings.where(bucket == 0)


def evaluate(als: ALS, train: DataFrame, test: DataFrame) -> tuple[float, float]:
    """The model's error on `test`, and the error of the mean of `train` on the same rows."""
    mean = train.agg(F.avg("rating")).first()[0]
    predicted = als.fit(train).transform(test).withColumn("mean", F.lit(mean)).cache()
    rmse = RegressionEvaluator(metricName="rmse", labelCol="rating")
    errors = (
        rmse.evaluate(predicted, {rmse.predictionCol: "prediction"}),
        rmse.evaluate(predicted, {rmse.predictionCol: "mean"}),
    )
    predicted.unpersist()
    return errors


def recommend(model: ALSModel, ratings: DataFrame, top: int) -> DataFrame:
    """Every user's best films that they have not rated: user, rank, movie, score.

    Of a user who has rated n films, the best `top + n` contain `top` unrated ones.
    Users are taken in groups of like n: few have rated thousands, and the others
    need not pay for that.
    """
    rated = ratings.select("user", "movie").distinct()
    counted = rated.groupBy("user").count().cache()
    most = counted.agg(F.max("count")).first()[0]
    bounds = [0]
    while bounds[-1] < most:
        bounds.append(max(bounds[-1] * 4, 32))
    groups = [
        model.recommendForUserSubset(
            counted.where(F.col("count").between(low + 1, high)).select("user"), top + high
        )
        for low, high in pairwise(bounds)
    ]
    candidates = groups[0]
    for group in groups[1:]:
        candidates = candidates.union(group)
    unrated = candidates.select("user", F.inline("recommendations")).join(
        rated, ["user", "movie"], "left_anti"
    )
    # Ties are broken by the film's number, so that the same ratings give the same answer.
    best = F.array_sort(F.collect_list(F.struct((-F.col("rating")).alias("order"), "movie")))
    return (
        unrated.groupBy("user")
        .agg(F.slice(best, 1, top).alias("best"))
        .select("user", F.posexplode("best").alias("position", "film"))
        .select(
            "user",
            (F.col("position") + 1).alias("rank"),
            F.col("film.movie").alias("movie"),
            (-F.col("film.order")).alias("score"),
        )
    )


def show(top: DataFrame, *, users: int, films: int) -> None:
    """Print the first users' best films as a small table."""
    chosen = [
        row.user for row in top.select("user").distinct().orderBy("user").limit(users).collect()
    ]
    rows = top.where(F.col("user").isin(chosen) & (F.col("rank") <= films)).collect()
    print(f"\n{'user':>6}  best films (predicted rating)")
    for user in chosen:
        best = sorted((row for row in rows if row.user == user), key=lambda row: row.rank)
        print(f"{user:>6}  " + "  ".join(f"{row.movie:>4} ({row.score:.1f})" for row in best))


def say(text: str) -> None:
    """A line of progress; seen at once by whoever follows the run."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Recommend films with ALS.")
    parser.add_argument("--ratings", required=True, help="Parquet: user, movie, rating")
    parser.add_argument("--output", required=True, help="where the recommendations go, as Parquet")
    parser.add_argument("--top", type=int, default=10, help="films per user")
    parser.add_argument("--rank", type=int, default=10, help="number of latent features")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--regularization", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=17)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
