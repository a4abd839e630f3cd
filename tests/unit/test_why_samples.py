"""Rules against messages that no local cluster gives: YARN's, S3's, older Spark's, libraries'.

As Spark, Hadoop, YARN, botocore and pip print them; shortened where a message repeats itself.
"""

import pytest

from failures import failure_kinds, load_failure
from selfserve.core.evidence import Evidence, Log, LogSource
from selfserve.core.why.diagnose import diagnose
from selfserve.core.why.rules import load_rules

STAGE = (
    "An error occurred while calling o71.count.\n: org.apache.spark.SparkException: "
    "Job aborted due to stage failure: Task 3 in stage 2.0 failed 4 times, most recent failure: "
    "Lost task 3.3 in stage 2.0 (TID 21) (ip-10-0-1-7.eu-west-1.compute.internal executor 4): "
)
PY4J = "py4j.protocol.Py4JJavaError"
ANALYSIS = "pyspark.errors.exceptions.captured.AnalysisException"
WORKER = (
    "\n  An exception was thrown from the Python worker. Please see the stack trace below.\n"
    "Traceback (most recent call last):\n"
    '  File "/mnt/yarn/usercache/hadoop/appcache/selfserve_code/job.py", line 9, in score\n'
    "    return model(row)\n"
)


def error(kind: str, message: str, **more: object) -> Evidence:
    """A job that ended with this exception."""
    known = {"exit_code": 1, "step_state": "FAILED", **more}
    return Evidence(job="job.py", exception_type=kind, exception_message=message, **known)  # type: ignore[arg-type]


def logged(source: LogSource, *lines: str, **more: object) -> Evidence:
    """A step without a result, and what one of its logs says."""
    known = {"step_state": "FAILED", **more}
    log = Log(source, "log", "\n".join(lines))
    return Evidence(job="job.py", logs=(log,), **known)  # type: ignore[arg-type]


def driver(*lines: str) -> Evidence:
    """A job whose driver's log says this."""
    return logged(LogSource.STEP_STDERR, *lines)


def executor(exception: Evidence, *lines: str) -> Evidence:
    """The same, with an executor's log."""
    log = Log(LogSource.CONTAINER_STDERR, "containers/x/stderr.gz", "\n".join(lines))
    return Evidence(
        job="job.py",
        exit_code=1,
        exception_type=exception.exception_type,
        exception_message=exception.exception_message,
        logs=(log,),
    )


CRASHED = error(
    PY4J, STAGE + "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)"
)

SAMPLES = [
    ("job-exit-message", error("SystemExit", "bad input: no rows")),
    (
        "path-on-the-cluster",
        error(ANALYSIS, "[PATH_NOT_FOUND] Path does not exist: file:/mnt/yarn/data/in.csv."),
    ),
    (
        "path-on-the-cluster",
        error(ANALYSIS, "Path does not exist: hdfs://ip-10-0-1-7:8020/user/hadoop/in.csv"),
    ),
    # python
    (
        "import-name-missing",
        error("ImportError", "cannot import name 'Literal' from 'typing' (/usr/lib64/typing.py)"),
    ),
    (
        "module-missing-on-executors",
        executor(CRASHED, "ModuleNotFoundError: No module named 'xgboost'"),
    ),
    (
        "python-worker-segfault",
        executor(CRASHED, "Fatal Python error: Segmentation fault", "Thread 0x00007f (most recent"),
    ),
    (
        "udf-return-type",
        error(
            PY4J,
            STAGE + "net.razorvine.pickle.PickleException: "
            "expected zero arguments for construction of ClassDict (for numpy.dtype)",
        ),
    ),
    (
        "open-on-s3",
        error("FileNotFoundError", "[Errno 2] No such file or directory: 's3://lake/a.csv'"),
    ),
    (
        "job-arguments",
        logged(
            LogSource.JOB_STDERR,
            "usage: job.py [-h] --day DAY",
            "job.py: error: the following arguments are required: --day",
            exit_code=2,
        ),
    ),
    (
        "package-versions-clash",
        error("AttributeError", "'DataFrame' object has no attribute 'iteritems'"),
    ),
    (
        "package-versions-clash",
        error(
            "ValueError",
            "numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from "
            "C header, got 88 from PyObject",
        ),
    ),
    (
        "native-library-missing",
        error(
            "ImportError",
            "/lib64/libm.so.6: version `GLIBC_2.29' not found (required by /tmp/a/_lib.so)",
        ),
    ),
    ("crashed-in-native-code", Evidence(job="job.py", exit_code=139, signal="SIGSEGV")),
    (
        "driver-jvm-gone",
        error("py4j.protocol.Py4JNetworkError", "Answer from Java side is empty"),
    ),
    (
        "driver-out-of-memory",
        Evidence(
            job="job.py",
            exit_code=1,
            exception_type="py4j.protocol.Py4JNetworkError",
            exception_message="Answer from Java side is empty",
            logs=(
                Log(
                    LogSource.STEP_STDERR,
                    "steps/s-1/stderr.gz",
                    "java.lang.OutOfMemoryError: GC overhead limit exceeded\n"
                    '-XX:OnOutOfMemoryError="kill -9 %p"',
                ),
            ),
        ),
    ),
    (
        "python-worker-out-of-memory",
        error(PY4J, f"{WORKER}MemoryError: Unable to allocate 12.0 GiB for an array"),
    ),
    # storage
    (
        "access-denied",
        error(
            "botocore.exceptions.ClientError",
            "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
        ),
    ),
    (
        "access-denied",
        error(
            PY4J,
            "An error occurred while calling o1.parquet.\n: java.nio.file.AccessDeniedException: "
            "s3a://lake/a: getFileStatus on s3a://lake/a: software.amazon.awssdk.services.s3."
            "model.S3Exception: null (Service: S3, Status Code: 403, Request ID: 1)",
        ),
    ),
    (
        "access-denied",
        error(
            PY4J,
            "An error occurred while calling o1.parquet.\n: com.amazonaws.services.s3.model."
            "AmazonS3Exception: Access Denied (Service: Amazon S3; Status Code: 403; Error Code: "
            "AccessDenied; Request ID: 1)",
        ),
    ),
    (
        "no-such-key",
        error(
            "botocore.errorfactory.NoSuchKey",
            "An error occurred (NoSuchKey) when calling the GetObject operation: "
            "The specified key does not exist.",
        ),
    ),
    (
        "no-such-key",
        error(PY4J, STAGE + "java.io.FileNotFoundException: No such file or directory: s3a://l/p"),
    ),
    (
        "no-such-bucket",
        error(
            "botocore.errorfactory.NoSuchBucket",
            "An error occurred (NoSuchBucket) when calling the ListObjectsV2 operation: "
            "The specified bucket does not exist",
        ),
    ),
    (
        "no-credentials",
        error("botocore.exceptions.NoCredentialsError", "Unable to locate credentials"),
    ),
    (
        "expired-credentials",
        error(
            "botocore.exceptions.ClientError",
            "An error occurred (ExpiredToken) when calling the PutObject operation: "
            "The provided token has expired.",
        ),
    ),
    (
        "bucket-in-another-region",
        error(
            PY4J,
            "An error occurred while calling o1.csv.\n: com.amazonaws.services.s3.model."
            "AmazonS3Exception: The bucket you are attempting to access must be addressed using "
            "the specified endpoint. (Service: Amazon S3; Status Code: 301)",
        ),
    ),
    (
        "s3-throttled",
        error(
            PY4J,
            STAGE + "com.amazon.ws.emr.hadoop.fs.shaded.com.amazonaws.services.s3.model."
            "AmazonS3Exception: Please reduce your request rate. (Service: Amazon S3; "
            "Status Code: 503; Error Code: SlowDown)",
        ),
    ),
    (
        "file-system-unknown",
        error(
            PY4J,
            "An error occurred while calling o1.csv.\n: org.apache.hadoop.fs."
            'UnsupportedFileSystemException: No FileSystem for scheme "gs"',
        ),
    ),
    (
        "host-unreachable",
        error(
            "requests.exceptions.ConnectionError",
            "HTTPSConnectionPool(host='api.example.com', port=443): Max retries exceeded with "
            "url: / (Caused by NewConnectionError('Failed to establish a new connection'))",
        ),
    ),
    (
        "disk-full",
        error(PY4J, STAGE + "java.io.IOException: No space left on device\n\tat java.base/x"),
    ),
    (
        "disk-full",
        driver(
            "WARN TaskSetManager: Lost task 0.0 in stage 1.0 (TID 9) (host executor 1): "
            "org.apache.spark.memory.SparkOutOfMemoryError: error while calling spill() on "
            "org.apache.spark.util.collection.unsafe.sort.UnsafeExternalSorter@1 : "
            "No space left on device",
        ),
    ),
    # memory and executors
    (
        "executor-memory-limit",
        error(
            PY4J,
            STAGE + "ExecutorLostFailure (executor 4 exited caused by one of the running tasks) "
            "Reason: Container killed by YARN for exceeding memory limits. 5.6 GB of 5.5 GB "
            "physical memory used. Consider boosting spark.executor.memoryOverhead.",
        ),
    ),
    (
        "executor-memory-limit",
        driver(
            "WARN YarnAllocator: Container from a bad node: container_1700_0001_01_000003 on host: "
            "ip-10-0-1-7. Exit status: 137. Diagnostics: [2026-11-21]Container killed on request."
            " Exit code is 137",
            "ERROR YarnClusterScheduler: Lost executor 2 on ip-10-0-1-7: Container from a bad node",
        ),
    ),
    (
        "driver-memory-limit",
        driver(
            "INFO Client: Application report for application_1700_0001 (state: FAILED)",
            "diagnostics: Application application_1700_0001 failed 1 times (global limit =2; local "
            "limit is =1) due to AM Container for appattempt_1700_0001_000001 exited with  "
            "exitCode: -104",
            "Exception in thread main org.apache.spark.SparkException: Application "
            "application_1700_0001 finished with failed status",
        ),
    ),
    (
        "executor-out-of-memory",
        error(PY4J, STAGE + "java.lang.OutOfMemoryError: Java heap space\n\tat java.base/x"),
    ),
    (
        "kryo-buffer-overflow",
        error(
            PY4J,
            STAGE + "org.apache.spark.SparkException: Kryo serialization failed: Buffer overflow. "
            "Available: 0, required: 134217728. To avoid this, increase "
            "spark.kryoserializer.buffer.max value.",
        ),
    ),
    (
        "node-lost",
        error(
            PY4J,
            STAGE + "ExecutorLostFailure (executor 7 exited caused by one of the running tasks) "
            "Reason: Container marked as failed: container_1700_0001_01_000009 on host: "
            "ip-10-0-1-9. Exit status: -100. Diagnostics: Container released on a *lost* node.",
        ),
    ),
    (
        "executor-heartbeat-lost",
        error(
            PY4J,
            STAGE + "ExecutorLostFailure (executor 2 exited caused by one of the running tasks) "
            "Reason: Executor heartbeat timed out after 161234 ms",
        ),
    ),
    (
        "executor-lost",
        error(
            PY4J,
            STAGE + "ExecutorLostFailure (executor 2 exited caused by one of the running tasks) "
            "Reason: Remote RPC client disassociated. Likely due to containers exceeding "
            "thresholds, or network issues. Check driver logs for WARN messages.",
        ),
    ),
    (
        "shuffle-data-lost",
        error(
            PY4J,
            "An error occurred while calling o71.count.\n: org.apache.spark.SparkException: "
            "Job aborted due to stage failure: ShuffleMapStage 4 has failed the maximum allowable "
            "number of times: 4. Most recent failure reason:\norg.apache.spark.shuffle."
            "MetadataFetchFailedException: Missing an output location for shuffle 1 partition 3",
        ),
    ),
    (
        "executor-too-large",
        driver(
            "Exception in thread main java.lang.IllegalArgumentException: Required executor memory "
            "(61440 MB), offHeap memory (0) MB, overhead (6144 MB), and PySpark memory (0 MB) is "
            "above the max threshold (24576 MB) of this cluster! Please check the values of "
            "'yarn.scheduler.maximum-allocation-mb'",
        ),
    ),
    (
        "too-many-executors-failed",
        driver(
            "ERROR ApplicationMaster: Max number of executor failures (6) reached",
            "INFO ApplicationMaster: Final app status: FAILED, exitCode: 11",
        ),
    ),
    ("stage-failed", error(PY4J, STAGE + "com.example.UnheardOfException: never seen before")),
    (
        "yarn-application-failed",
        driver(
            "Exception in thread main org.apache.spark.SparkException: Application "
            "application_1700_0001 finished with failed status",
        ),
    ),
    (
        "application-killed",
        driver(
            "ERROR Client: Application diagnostics message: Application application_1700_0001 "
            "was killed by user hadoop at 10.0.1.4",
        ),
    ),
    (
        "port-not-bound",
        driver(
            "ERROR SparkContext: Error initializing SparkContext.",
            "java.net.BindException: Cannot assign requested address: Service 'sparkDriver' failed "
            "after 16 retries (on a random free port)!",
        ),
    ),
    # sql
    (
        "column-missing",
        error(
            "pyspark.sql.utils.AnalysisException",
            "cannot resolve '`raiting`' given input columns: [user_id, item_id, rating];",
        ),
    ),
    (
        "column-missing",
        error(
            ANALYSIS,
            "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with "
            "name `x` cannot be resolved. Did you mean one of the following? [`y`]. "
            "SQLSTATE: 42703",
        ),
    ),
    (
        "table-missing",
        driver(
            "FAILED: SemanticException [Error 10001]: Line 1:14 Table not found 'events'",
        ),
    ),
    (
        "type-mismatch",
        error(
            ANALYSIS,
            '[DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES] Cannot resolve "(a + b)" due to data type '
            "mismatch: the left and right operands of the binary operator have incompatible types "
            '("ARRAY<INT>" and "INT").',
        ),
    ),
    (
        "function-missing",
        error(ANALYSIS, "[UNRESOLVED_ROUTINE] Cannot resolve routine `to_dat` on search path [x]."),
    ),
    (
        "aggregation-missing",
        error(
            ANALYSIS,
            '[MISSING_AGGREGATION] The non-aggregating expression "item" is based on columns which '
            "are not participating in the GROUP BY clause.",
        ),
    ),
    (
        "schema-not-inferred",
        error(
            ANALYSIS,
            "[UNABLE_TO_INFER_SCHEMA] Unable to infer schema for Parquet. It must be specified "
            "manually.",
        ),
    ),
    (
        "parquet-schema-mismatch",
        error(
            PY4J,
            STAGE + "org.apache.spark.SparkException: "
            "[FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH] Encountered error while reading "
            'file s3://lake/p.parquet. Data type mismatches when reading Parquet column "[price]". '
            'Expected Spark type "double", actual Parquet type "BINARY". SQLSTATE: KD001',
        ),
    ),
    (
        "malformed-record",
        error(
            PY4J,
            STAGE + "org.apache.spark.SparkException: [MALFORMED_RECORD_IN_PARSING."
            "WITHOUT_SUGGESTION] Malformed records are detected in record parsing: [null,7]. "
            "Parse Mode: FAILFAST.",
        ),
    ),
    (
        "broadcast-too-large",
        error(
            PY4J,
            "An error occurred while calling o1.save.\n: org.apache.spark.SparkException: "
            "Cannot broadcast the table that is larger than 8.0 GiB: 11.2 GiB.",
        ),
    ),
    (
        "schema-of-nothing",
        error(
            "ValueError",
            "Some of types cannot be determined by the first 100 rows, please try again with "
            "sampling",
        ),
    ),
    (
        "value-of-another-type",
        error(
            "TypeError",
            "field amount: IntegerType can not accept object '17' in type <class 'str'>",
        ),
    ),
    (
        "value-of-another-type",
        error(
            "pyspark.errors.exceptions.base.PySparkTypeError",
            "[FIELD_DATA_TYPE_UNACCEPTABLE_WITH_NAME] field amount: `IntegerType()` can not "
            "accept object `17` in type `str`.",
        ),
    ),
    (
        "column-twice",
        error(
            "pyspark.sql.utils.AnalysisException",
            "Found duplicate column(s) when inserting into s3://lake/joined: `id`",
        ),
    ),
    (
        "datetime-pattern",
        error(
            "pyspark.errors.exceptions.captured.DateTimeException",
            "[CANNOT_PARSE_TIMESTAMP] Text '2026-1-5' could not be parsed at index 5. Use "
            "`try_to_timestamp` to tolerate invalid input string and return NULL instead.",
        ),
    ),
    (
        "metastore-unreachable",
        error(
            ANALYSIS,
            "java.lang.RuntimeException: Unable to instantiate "
            "org.apache.hadoop.hive.ql.metadata.SessionHiveMetaStoreClient",
        ),
    ),
    (
        "analysis-exception",
        error(ANALYSIS, "[SOMETHING_NEW] Nobody has seen this class of error."),
    ),
    # configuration
    (
        "conf-not-changeable",
        error(
            ANALYSIS,
            "[CANNOT_MODIFY_CONFIG] Cannot modify the value of the Spark config: "
            '"spark.executor.memory".',
        ),
    ),
    (
        "memory-below-minimum",
        driver(
            "java.lang.IllegalArgumentException: System memory 259522560 must be at least "
            "471859200. Please increase heap size using the --driver-memory option",
        ),
    ),
    (
        "conf-invalid",
        driver("java.lang.NumberFormatException: Failed to parse byte string: 4gigs"),
    ),
    (
        "java-will-not-start",
        driver(
            "Unrecognized VM option 'UseConcMarkSweepGC'",
            "Error: Could not create the Java Virtual Machine.",
        ),
    ),
    ("spark-submit-option-unknown", driver("Error: Unrecognized option: --executor-memroy")),
    (
        "jars-do-not-fit",
        error(
            PY4J,
            "An error occurred while calling o1.load.\n: java.lang.NoSuchMethodError: "
            "'scala.collection.JavaConverters$AsJava scala.Predef$.refArrayOps(Object[])'",
        ),
    ),
    (
        "java-too-old",
        driver(
            "java.lang.UnsupportedClassVersionError: org/example/Udf has been compiled by a more "
            "recent version of the Java Runtime (class file version 61.0), this version of the "
            "Java Runtime only recognizes class file versions up to 52.0",
        ),
    ),
    (
        "maven-package-missing",
        driver(
            "Exception in thread main java.lang.RuntimeException: [unresolved dependency: "
            "io.delta#delta-spark_2.12;9.9.9: not found]",
        ),
    ),
    (
        "job-file-missing",
        driver(
            "python3: can't open file '/mnt/tmp/job.py': [Errno 2] No such file or directory",
        ),
    ),
    # our own runner
    (
        "package-damaged",
        error("selfserve.PackageDamagedError", "selfserve_deps/SHA256SUMS cannot be read."),
    ),
    (
        "package-unavailable",
        error("selfserve.PackageUnavailableError", "Cannot fetch s3://b/p.tar.gz: 403"),
    ),
    (
        "secret-unresolved",
        error("selfserve.SecretError", "Secret TOKEN (arn:x) cannot be resolved: denied"),
    ),
    (
        "submission-unreadable",
        error("selfserve.SubmissionError", "submission.json has no program."),
    ),
    # clusters
    (
        "cluster-ended-on-purpose",
        logged(
            LogSource.STEP_STDERR,
            "ERROR YarnScheduler: Lost executor 1 on ip-10-0-1-7: Container killed by YARN",
            step_state="CANCELLED",
            run_state="LOST",
            cluster_reason_code="USER_REQUEST",
            cluster_reason="Terminated by user request",
        ),
    ),
    (
        "emr-subnets-in-two-networks",
        Evidence(
            cluster_reason_code="VALIDATION_ERROR",
            cluster_reason="VALIDATION_ERROR_SUBNET_NOT_FROM_ONE_VPC",
        ),
    ),
    (
        "emr-spot-primary-lost",
        Evidence(
            cluster_reason_code="INTERNAL_ERROR",
            cluster_reason="INTERNAL_ERROR_SPOT_NO_CAPACITY_PRIMARY",
        ),
    ),
    (
        "emr-bootstrap-other",
        Evidence(cluster_reason_code="BOOTSTRAP_FAILURE", cluster_reason="Something else"),
    ),
    (
        "emr-provisioning-failed",
        Evidence(
            cluster_reason_code="BOOTSTRAP_FAILURE",
            cluster_reason="On the master instance (i-0ddd5cacbc6b0082c), "
            "application provisioning timed out",
        ),
    ),
]


@pytest.mark.parametrize(
    ("kind", "evidence"), [pytest.param(*row, id=f"{n}-{row[0]}") for n, row in enumerate(SAMPLES)]
)
def test_a_message_is_explained_by_its_rule(kind: str, evidence: Evidence) -> None:
    verdict = diagnose(evidence, load_rules())

    assert verdict.kind == kind, verdict.cause
    assert "{" not in verdict.cause


def test_every_rule_explains_a_fixture_or_a_sample() -> None:
    rules = load_rules()

    explained = {diagnose(load_failure(kind), rules).kind for kind in failure_kinds()}
    explained |= {kind for kind, _ in SAMPLES}

    assert {rule.id for rule in rules} - explained == set()
