"""Turn ratings in MovieLens format into Parquet.

    selfserve submit prepare.py -c spark-ml -- \
        --input s3://BUCKET/ratings.dat --output s3://BUCKET/ratings.parquet

A line is `user::movie::rating::timestamp`. Of several ratings of one film by one
user the last counts. Lines that are not ratings are counted; more than one in a
hundred and the job fails, because then the input is something else.
"""

import argparse

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812  what everybody calls it

LINE = r"^(\d+)::(\d+)::([0-9.]+)::(\d+)$"
MOST_BAD_LINES = 0.01


def main() -> None:
    """Run the job."""
    parser = argparse.ArgumentParser(description="MovieLens ratings to Parquet.")
    parser.add_argument("--input", required=True, help="text: user::movie::rating::timestamp")
    parser.add_argument("--output", required=True, help="where the Parquet goes")
    options = parser.parse_args()

    spark = SparkSession.builder.appName("prepare ratings").getOrCreate()
    lines = spark.read.text(options.input).cache()
    total = lines.count()
    bad = lines.where(~F.col("value").rlike(LINE)).count()
    print(f"{total:,} lines, {bad:,} of them not ratings", flush=True)
    if bad > total * MOST_BAD_LINES or total == 0:
        raise SystemExit(f"{options.input} does not look like MovieLens ratings")
    ratings = latest(parse(lines))
    ratings.write.mode("overwrite").parquet(options.output)
    print(f"wrote {spark.read.parquet(options.output).count():,} ratings to {options.output}")
    spark.stop()


def parse(lines: DataFrame) -> DataFrame:
    """One row per good line."""
    part = [F.regexp_extract("value", LINE, group) for group in range(1, 5)]
    return lines.where(F.col("value").rlike(LINE)).select(
        part[0].cast("int").alias("user"),
        part[1].cast("int").alias("movie"),
        part[2].cast("float").alias("rating"),
        F.timestamp_seconds(part[3].cast("long")).alias("timestamp"),
    )


def latest(ratings: DataFrame) -> DataFrame:
    """Each user's last rating of each film."""
    newest_first = Window.partitionBy("user", "movie").orderBy(
        F.desc("timestamp"), F.desc("rating")
    )
    return ratings.withColumn("n", F.row_number().over(newest_first)).where("n = 1").drop("n")


if __name__ == "__main__":
    main()
