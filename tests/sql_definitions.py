"""Tables and views as Hive's metastore and Glue describe them, of each kind that we know."""

import json

from selfserve.core.sql.hive.definition import EXTERNAL, VIEW, Definition, Storage
from selfserve.core.sql.hive.formats import OPEN_CSV, STORAGE
from selfserve.core.sql.tables import FileFormat, TableColumn

TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
LAZY_SIMPLE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
SEQUENCES = Storage(
    "org.apache.hadoop.mapred.SequenceFileInputFormat",
    LAZY_SIMPLE,
    "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat",
)
DUMMY = (TableColumn("col", "array<string>"),)
COLUMNS = (TableColumn("id", "bigint"), TableColumn("what", "string"))
SPARK_SCHEMA = json.dumps(
    {
        "type": "struct",
        "fields": [
            {"name": "Id", "type": "long", "nullable": True, "metadata": {}},
            {"name": "What", "type": "string", "nullable": True, "metadata": {}},
        ],
    }
)


def spark_parameters(provider: str) -> dict[str, str]:
    """What Spark notes of a table that was made with `USING`."""
    return {"spark.sql.sources.provider": provider, "spark.sql.sources.schema": SPARK_SCHEMA}


PARQUET = Definition(
    schema="sales",
    name="plain",
    kind=EXTERNAL,
    columns=COLUMNS,
    location="s3a://bucket/plain/",
    storage=STORAGE[FileFormat.PARQUET],
)
ICEBERG = Definition(
    schema="sales",
    name="an_iceberg",
    columns=COLUMNS,
    location="s3://bucket/iceberg",
    parameters={"table_type": "ICEBERG", "metadata_location": "s3://bucket/iceberg/v1.json"},
)
SPARK_CSV = Definition(
    schema="sales",
    name="of_spark",
    columns=DUMMY,
    location="s3://bucket/warehouse/of_spark-__PLACEHOLDER__",
    storage=SEQUENCES,
    serde_parameters={"path": "s3://bucket/csv", "header": "true", "sep": "|"},
    parameters=spark_parameters("csv"),
)
OPEN = Definition(
    schema="sales",
    name="commas",
    columns=COLUMNS,
    location="s3://bucket/commas",
    storage=Storage(TEXT_INPUT, OPEN_CSV),
    serde_parameters={"separatorChar": ";"},
    parameters={"skip.header.line.count": "2"},
)
HIVE_VIEW = Definition(
    schema="sales",
    name="seen_by_hive",
    kind=VIEW,
    columns=COLUMNS,
    view_original="select * from plain",
    view_expanded="select `plain`.`id` from `sales`.`plain`",
)
DEFINITIONS = (PARQUET, ICEBERG, SPARK_CSV, OPEN, HIVE_VIEW)
