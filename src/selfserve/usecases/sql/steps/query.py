"""SQL on clusters with Hive or Spark: each statement is a run of ours, as `submit` makes them.

So it has a record, a lease, output and a cost as any other run, and `cancel` and `why` know it.
"""

from dataclasses import dataclass, replace

from selfserve.core.package import Upload
from selfserve.core.program import JobKind, Program
from selfserve.core.run import Submission
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.records import query_prefix
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.steps.hive_script import HiveScript, write_script
from selfserve.core.sql.steps.order import rows_prefix, write_order
from selfserve.core.sql.text.binding import bind_literals
from selfserve.usecases.cancel import cancel_unplaced
from selfserve.usecases.packages.packaging import Bench
from selfserve.usecases.placement.destination import Destination, Joining, LoadProfile
from selfserve.usecases.placement.placing import Placing, Prepared
from selfserve.usecases.progress import Report, notes_of, quiet
from selfserve.usecases.sql.steps.answer import StepAnswer
from selfserve.usecases.sql.steps.hive_answer import HiveAnswer
from selfserve.usecases.sql.steps.job import SPARK_FLAGS, package_job
from selfserve.usecases.sql.steps.spark_answer import SparkAnswer
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
    report: Report = quiet,
) -> StepAnswer:
    """Hand one statement to a cluster, and return at once; the answer waits when it is read.

    `cluster` is the name or id of a live cluster, or else of a profile; see `submit`. What
    belongs to the query is below `query_prefix(query_id)` in the target's bucket; an id is
    used once. Ctrl-C while EMR is asked ends a cluster that was asked for.

    Raises:
        SqlError: a string, a quoted name or a comment in it is not closed.
        BadInputError: the cluster has nothing that runs such a statement.
        NotFoundError: there is neither such a cluster nor such a profile.
        OutcomeUnknownError: EMR's answer was lost, and the run has not appeared.
    """
    text = bind_literals(request.text, request.parameters, request.engine)
    plan = _Plan(target, text, request.schema, query_id, report)
    is_hive = request.engine is Engine.HIVE
    script = plan.script() if is_hive else None

    def prepare(destination: Destination, run_id: str) -> Prepared:
        if script is not None:
            return plan.hive_run(script, destination, run_id)
        return plan.spark_run(destination, run_id)

    prepared: list[Submission] = []
    placing = Placing(
        target=target,
        wanted=cluster,
        prepare=prepare,
        load_profile=load_profile,
        joining=Joining.IF_POSSIBLE,
        on_prepared=prepared.append,
        report=report,
    )
    try:
        run = placing.place()
    except KeyboardInterrupt:
        if prepared:
            cancel_unplaced(target, prepared[-1], report=report)
        raise
    if script is not None:
        return HiveAnswer(target, run, text, script, query_id=query_id, report=notes_of(report))
    return SparkAnswer(target, run, text, query_id=query_id, report=notes_of(report))


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement on its way, and where its result goes."""

    target: Target
    text: str
    schema: str
    query_id: str
    report: Report

    def script(self) -> HiveScript:
        """What Hive is to run."""
        rows_uri = f"s3://{self.target.bucket}/{rows_prefix(self.query_id)}"
        return write_script(self.text, schema=self.schema, rows_uri=rows_uri)

    def hive_run(self, script: HiveScript, destination: Destination, run_id: str) -> Prepared:
        """The run of a script."""
        body = script.text.encode()
        upload = Upload(f"{query_prefix(self.query_id)}{_SCRIPT_NAME}", len(body), body=body)
        program = Program(JobKind.SQL, self._name, upload.uri(self.target.bucket))
        return self._draft(program, destination, run_id), (upload,)

    def spark_run(self, destination: Destination, run_id: str) -> Prepared:
        """The run of our program."""
        bench = Bench(self.target.bucket, self.target.cache, self.report)
        package = package_job(self._name, destination, bench)
        folder = f"s3://{self.target.bucket}/{query_prefix(self.query_id)}"
        order = write_order(self.text, schema=self.schema, folder=folder)
        submission = self._draft(package.program, destination, run_id)
        return replace(submission, args=(order,), flags=SPARK_FLAGS), package.uploads

    @property
    def _name(self) -> str:
        return f"query {self.query_id}"

    def _draft(self, program: Program, destination: Destination, run_id: str) -> Submission:
        return draft(
            self.target,
            program,
            destination,
            run_id=run_id,
            created=self.target.clock.now(),
            args=(),
            flags=(),
            secret_refs=(),
        )
