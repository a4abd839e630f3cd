"""The answer of Spark SQL: our program on the cluster writes the rows, and how it went."""

import json
from typing import Any

from selfserve.core.cluster import Step, StepState
from selfserve.core.sql.answers import Progress
from selfserve.core.sql.steps.errors import data_error, spark_complaint, to_error
from selfserve.core.sql.steps.order import (
    StepError,
    StepOutcome,
    outcome_key,
    parse_outcome,
    progress_key,
    rows_prefix,
)
from selfserve.errors import AwsError, SelfserveError
from selfserve.usecases.follow import FinishedRun
from selfserve.usecases.progress import Report
from selfserve.usecases.records.runs import Run
from selfserve.usecases.sql.steps.answer import Settled, StepAnswer
from selfserve.usecases.sql.steps.rows import StoredRows
from selfserve.usecases.targets.target import Target


class SparkAnswer(StepAnswer):
    """Known as soon as the program has written it, a little before the step ends."""

    def __init__(
        self, target: Target, run: Run, text: str, *, query_id: str, report: Report
    ) -> None:
        super().__init__(target, run, text, report=report)
        self._query_id = query_id

    def _look(self, step: Step) -> Settled | None:
        has_begun = step.state is not StepState.PENDING
        body = self._target.store.get(outcome_key(self._query_id)) if has_begun else None
        if body is None:
            self._progress = self._read_progress(step)
            return None
        outcome = parse_outcome(body)
        if outcome.error is not None:
            raise _to_error(outcome.error, self._text)
        return self._settle(outcome)

    def _settle(self, outcome: StepOutcome) -> Settled:
        stored = StoredRows(self._target, rows_prefix(self._query_id))
        rows = stored.batches(outcome.columns, outcome.time_zone)
        return Settled(
            outcome.columns,
            rows if outcome.columns else iter(()),
            count=outcome.rows,
            bytes_read=outcome.bytes_read,
            rows_read=outcome.rows_read,
        )

    def _read_progress(self, step: Step) -> Progress:
        is_at_work = step.state is StepState.RUNNING
        body = self._target.store.get(progress_key(self._query_id)) if is_at_work else None
        counts: dict[str, Any] = json.loads(body) if body else {}  # as the program wrote it
        return Progress(step.state, counts.get("tasks_done"), counts.get("tasks"))

    def _conclude(self, finished: FinishedRun) -> Settled:
        failure = self._failure(finished)
        if failure is not None:
            raise failure
        raise AwsError(
            f"The query has ended, but its result is not at s3://{self._target.bucket}/"
            f"{outcome_key(self._query_id)}",
            hint=f"See what it printed: selfserve logs {self.run.id}",
        )


def _to_error(error: StepError, text: str) -> SelfserveError:
    return data_error(error.causes) or to_error(
        spark_complaint(error.kind, error.message, error.causes), text
    )
