"""Errors as Spark 3.5 and Hive 3.1 print them, and what is told of them."""

import pytest

from selfserve.core.sql.steps.errors import (
    Complaint,
    data_error,
    hive_complaint,
    spark_complaint,
    to_error,
)

NO_TABLE = (
    "[TABLE_OR_VIEW_NOT_FOUND] The table or view `film` cannot be found. Verify the spelling and "
    "correctness of the schema and catalog.\nIf you did not qualify the name with a schema, verify "
    "the current_schema() output, or qualify the name with the correct schema and catalog.\nTo "
    "tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS.; line 1 pos 14;\n"
    "'Project [*]\n+- 'UnresolvedRelation [film], [], false\n"
)
NO_COLUMN = (
    "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column or function parameter with name `nme` cannot be "
    "resolved. Did you mean one of the following? [`name`, `id`].; line 1 pos 7;\n'Project ['nme]\n"
    "+- SubqueryAlias films\n"
)
SYNTAX = (
    "\n[PARSE_SYNTAX_ERROR] Syntax error at or near 'x': extra input 'x'.(line 2, pos 9)\n\n"
    "== SQL ==\nselect\n  1 form x\n---------^^^\n"
)
UNBOUND = (
    "[UNBOUND_SQL_PARAMETER] Found the unbound parameter: day. Please, fix `args` and provide a "
    "mapping of the parameter to a SQL literal.; line 1 pos 29;\n'Project ['name]\n"
)
BY_ZERO = (
    "[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate divisor being 0 and return "
    'NULL instead. If necessary set "spark.sql.ansi.enabled" to "false" to bypass this error.\n'
    "== SQL(line 1, position 8) ==\nselect 1/0\n       ^^^\n"
)
ABORTED = "An error occurred while calling o194.parquet.\n: org.apache.spark.SparkException: Job …"
SPARK_SQL_LOG = (
    'Setting default log level to "WARN".\nSpark master: spark://127.0.0.1:1, Application Id: a-1\n'
    "Time taken: 8.636 seconds\n" + NO_TABLE.replace("line 1", "line 2")
)
HIVE_LOG = "Logging initialized using configuration\n{}\n"


@pytest.mark.parametrize(
    ("kind", "message", "causes", "expected"),
    [
        pytest.param(
            "ParseException",
            SYNTAX,
            (),
            Complaint("Syntax error at or near 'x': extra input 'x'.", 2, 10),
            id="syntax",
        ),
        pytest.param(
            "AnalysisException",
            NO_TABLE,
            (),
            Complaint("The table or view `film` cannot be found.", 1, 15),
            id="table",
        ),
        pytest.param(
            "AnalysisException",
            NO_COLUMN,
            (),
            Complaint(
                "A column or function parameter with name `nme` cannot be resolved. Did you mean "
                "one of the following? [`name`, `id`].",
                1,
                8,
            ),
            id="column-with-suggestion",
        ),
        pytest.param(
            "AnalysisException",
            UNBOUND,
            (),
            Complaint("Found the unbound parameter: day.", 1, 30),
            id="parameter",
        ),
        pytest.param(
            "ArithmeticException",
            BY_ZERO,
            (),
            Complaint(
                "Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL "
                "instead.",
                1,
                8,
            ),
            id="at-run-time-with-a-place",
        ),
        pytest.param(
            "AnalysisException",
            "[COLUMN_ALREADY_EXISTS] The column `id` already exists.",
            (),
            Complaint("The column `id` already exists."),
            id="no-place",
        ),
        pytest.param(
            "Py4JJavaError",
            ABORTED,
            ("org.apache.spark.SparkException: Job aborted", "java.io.IOException: disk on fire"),
            Complaint("disk on fire", is_statements=False),
            id="innermost-cause",
        ),
    ],
)
def test_what_spark_says_is_told_in_its_first_sentences_with_the_place(
    kind: str, message: str, causes: tuple[str, ...], expected: Complaint
) -> None:
    assert spark_complaint(kind, message, causes) == expected


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param(
            HIVE_LOG.format(
                "FAILED: SemanticException [Error 10001]: Line 2:14 Table not found 'nope'"
            ),
            Complaint("Table not found 'nope'", 2, 15),
            id="hive-table",
        ),
        pytest.param(
            HIVE_LOG.format(
                "FAILED: SemanticException [Error 10004]: Line 2:7 Invalid table alias or column "
                "reference 'nme': (possible column names are: name, id)"
            ),
            Complaint(
                "Invalid table alias or column reference 'nme': (possible column names are: "
                "name, id)",
                2,
                8,
            ),
            id="hive-column",
        ),
        pytest.param(
            HIVE_LOG.format(
                "FAILED: ParseException line 2:0 cannot recognize input near 'selec' '1' '<EOF>'"
            ),
            Complaint("Cannot recognize input near 'selec' '1' '<EOF>'", 2, 1),
            id="hive-syntax",
        ),
        pytest.param(
            HIVE_LOG.format("FAILED: Execution Error, return code 2 from …TezTask"),
            Complaint("Execution Error, return code 2 from …TezTask", is_statements=False),
            id="hive-at-run-time",
        ),
        pytest.param(
            SPARK_SQL_LOG,
            Complaint("The table or view `film` cannot be found.", 2, 15),
            id="spark-in-hives-place",
        ),
        pytest.param("Time taken: 2 seconds\n", None, id="nothing-wrong"),
    ],
)
def test_what_is_wrong_is_found_in_a_steps_log(log: str, expected: Complaint | None) -> None:
    assert hive_complaint(log) == expected


def test_the_place_is_marked_where_the_user_wrote_it() -> None:
    complaint = spark_complaint("AnalysisException", NO_TABLE)

    error = to_error(complaint, "select * from film")

    assert str(error) == (
        "Line 1, column 15: The table or view `film` cannot be found.\n"
        "  select * from film\n"
        "                ^^^^"
    )
    assert error.hint == "See what tables there are: SHOW TABLES"


def test_a_missing_parameter_is_told_with_the_option_to_give() -> None:
    error = to_error(spark_complaint("AnalysisException", UNBOUND), "select 1")

    assert error.hint == "Give it a value: --param day=VALUE"


LAKE = "file:/home/ada/.local/share/selfserve/lake"


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        pytest.param(
            [
                "org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed",
                (
                    f"java.lang.RuntimeException: {LAKE}/b/films/x.parquet is not a Parquet file. "
                    "Expected magic number at tail, but found [120, 120, 120, 120]"
                ),
            ],
            "s3://b/films/x.parquet is not a Parquet file, but lies in the folder of a Parquet "
            "table.",
            id="not-parquet",
        ),
        pytest.param(
            [
                (
                    "org.apache.spark.SparkException: Parquet column cannot be converted in file "
                    "s3://b/films/p.parquet. Column: [id], Expected: bigint, Found: BINARY."
                ),
                "org.apache.spark.sql.SchemaColumnConvertNotSupportedException: column: [id]",
            ],
            "The files of the table do not have one schema: column id is BINARY in "
            "s3://b/films/p.parquet, and bigint in the table.",
            id="two-schemas",
        ),
        pytest.param(
            [
                (
                    "org.apache.spark.SparkException: [FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_"
                    "MISMATCH] Encountered error while reading file s3://b/films/p.parquet. Data "
                    "type mismatches when reading Parquet column: Column: [id], Expected Spark "
                    'type "bigint", actual Parquet type "BINARY". SQLSTATE: KD001'
                )
            ],
            "The files of the table do not have one schema: column id is BINARY in "
            "s3://b/films/p.parquet, and bigint in the table.",
            id="two-schemas-spark-4",
        ),
        pytest.param(
            ["java.nio.file.AccessDeniedException: s3://b/films: Access Denied"],
            "S3 does not let the cluster read that: s3://b/films: Access Denied",
            id="forbidden",
        ),
        pytest.param(["java.io.IOException: disk on fire"], None, id="something-else"),
    ],
)
def test_files_that_are_not_what_their_table_says_are_named(
    causes: list[str], expected: str | None
) -> None:
    error = data_error(causes)

    assert (str(error) if error else None) == expected
