"""Run one statement, bring its rows to S3, and leave `result.json` there, last of all.

    python -m selfserve.sql_job ORDER

ORDER is JSON, see `order.py`. What is wrong with a statement is written down as Spark says
it, and raised again, so that the run has failed, too.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from pyspark.sql import SparkSession

from selfserve.sql_job.columns import as_parquet, describe
from selfserve.sql_job.objects import write_json
from selfserve.sql_job.order import Order, parse_order, version_of
from selfserve.sql_job.watch import Watch, read_figures

_MOST_CHARACTERS = 20_000  # of an error; Java's have whole plans in them
_ROWS_OF_A_FILE = 1_000_000  # so that no reader ever has to take a large file at once


def main(order: Order) -> None:
    """Carry the order out; raises what Spark raises."""
    spark = SparkSession.builder.getOrCreate()
    _configure(spark)
    result: dict[str, Any] = {"spark": spark.version}
    try:
        with Watch(spark, lambda it: write_json(spark, order.folder + "progress.json", it)):
            result.update(_run(spark, order))
    except Exception as error:
        result["error"] = _describe_error(error)
        with contextlib.suppress(Exception):  # the statement's own error is what matters
            write_json(spark, order.folder + "result.json", result)
        raise
    write_json(spark, order.folder + "result.json", result)


def _run(spark: SparkSession, order: Order) -> dict[str, Any]:
    spark.sql("USE `" + order.schema.replace("`", "``") + "`")
    frame = spark.sql(order.text)
    columns = describe(frame)
    if columns:
        files = as_parquet(frame).write.mode("overwrite")
        files.option("maxRecordsPerFile", _ROWS_OF_A_FILE).parquet(order.folder + "result")
    zone = spark.conf.get("spark.sql.session.timeZone")
    return {"columns": columns, "time_zone": zone, **read_figures(spark)}


def _configure(spark: SparkSession) -> None:
    """What is written is the same, whatever the cluster's own settings are."""
    old = "legacy." if version_of(spark.version) < (3, 2) else ""
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    spark.conf.set(f"spark.sql.{old}parquet.datetimeRebaseModeInWrite", "CORRECTED")
    spark.conf.set("spark.sql.parquet.writeLegacyFormat", "false")
    spark.conf.set("spark.sql.parquet.compression.codec", "snappy")


def _describe_error(error: Exception) -> dict[str, Any]:
    """Class and message, with those of the Java exceptions behind it, the innermost last."""
    causes: list[str] = []
    origin = getattr(error, "_origin", None) or getattr(error, "java_exception", None)
    with contextlib.suppress(Exception):  # the JVM may be dead, or PySpark shaped otherwise
        while origin is not None and len(causes) < 20:
            causes.append(f"{origin.getClass().getName()}: {origin.getMessage()}")
            origin = origin.getCause()
    return {
        "class": type(error).__name__,
        "message": str(error)[:_MOST_CHARACTERS],
        "causes": [cause[:_MOST_CHARACTERS] for cause in causes],
    }


if __name__ == "__main__":
    main(parse_order(sys.argv[1]))
