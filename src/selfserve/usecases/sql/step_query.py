"""SQL on clusters with Hive or Spark: each statement is a run of ours, as `submit` makes them.

So it has a record, a lease, output and a cost as any other run, and `cancel` and `why` know it.
"""

from selfserve.core.package import Upload
from selfserve.core.program import JobKind, Program
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.step_hive import HiveScript, write_script
from selfserve.core.sql.step_sql import query_prefix, rows_prefix, write_order
from selfserve.usecases.packages.packaging import Bench, Package
from selfserve.usecases.placement.destination import Destination, Joining, LoadProfile
from selfserve.usecases.placement.placing import OnPrepared, Placing, Prepared
from selfserve.usecases.progress import Report, quiet
from selfserve.usecases.sql.step_answer import StepAnswer
from selfserve.usecases.sql.step_hive_answer import HiveAnswer
from selfserve.usecases.sql.step_job import SPARK_FLAGS, package_job
from selfserve.usecases.sql.step_spark_answer import SparkAnswer
from selfserve.usecases.submit import draft
from selfserve.usecases.targets.target import Target

_SCRIPT_NAME = "query.sql"


def start_step_query(
    target: Target,
    request: SqlRequest,
    *,
    cluster: str,
    load_profile: LoadProfile,
    query_id: str,
    on_prepared: OnPrepared = lambda _: None,
    report: Report = quiet,
) -> StepAnswer:
    """Hand one statement to a cluster, and return at once; the answer waits when it is read.

    `cluster` is the name or id of a live cluster, or else of a profile; see `submit`. The text
    of `request` has literals for its parameters. What belongs to the query is below
    `query_prefix(query_id)` in the target's bucket; an id is used once.

    Raises:
        SqlError: a string, a quoted name or a comment in it is not closed.
        BadInputError: the cluster has nothing that runs such a statement.
        NotFoundError: there is neither such a cluster nor such a profile.
        OutcomeUnknownError: EMR's answer was lost, and the run has not appeared.
    """
    rows_uri = f"s3://{target.bucket}/{rows_prefix(query_id)}"
    script = None
    if request.engine is Engine.HIVE:
        script = write_script(request.text, schema=request.schema, rows_uri=rows_uri)

    def prepare(destination: Destination, run_id: str) -> Prepared:
        if script is not None:
            package = _hive_package(target, script, query_id)
        else:
            bench = Bench(target.bucket, target.cache, report)
            package = package_job(f"query {query_id}", destination, bench)
        is_spark = script is None
        submission = draft(
            target,
            package.program,
            destination,
            run_id=run_id,
            created=target.clock.now(),
            args=(_order(target, request, query_id),) if is_spark else (),
            flags=SPARK_FLAGS if is_spark else (),
            secret_refs=(),
        )
        return submission, package.uploads

    run = Placing(
        target=target,
        wanted=cluster,
        prepare=prepare,
        load_profile=load_profile,
        joining=Joining.IF_POSSIBLE,
        on_prepared=on_prepared,
        report=report,
    ).place()
    if script is not None:
        return HiveAnswer(target, run, request.text, script, query_id=query_id, report=report)
    return SparkAnswer(target, run, request.text, query_id=query_id, report=report)


def _order(target: Target, request: SqlRequest, query_id: str) -> str:
    folder = f"s3://{target.bucket}/{query_prefix(query_id)}"
    return write_order(request.text, schema=request.schema, folder=folder)


def _hive_package(target: Target, script: HiveScript, query_id: str) -> Package:
    body = script.text.encode()
    upload = Upload(f"{query_prefix(query_id)}{_SCRIPT_NAME}", len(body), body=body)
    program = Program(JobKind.SQL, f"query {query_id}", upload.uri(target.bucket))
    return Package(program, (upload,))
