"""Ask a Trino or Presto coordinator, and read its answer page by page.

The `trino` package makes the requests, keeps the session and tells errors. Its cursor is
not used: it waits for the first rows before it can be cancelled, and repeats what must not
be (`http_session`). Here a query is one POST and then a GET for each page; no page is kept.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import requests
from trino.client import TrinoStatus
from trino.exceptions import TrinoConnectionError, TrinoQueryError

from selfserve.coordinator.connection import Coordinator, to_request, to_session
from selfserve.coordinator.failures import (
    Asked,
    EngineError,
    cluster_failed,
    from_protocol,
    to_selfserve_error,
)
from selfserve.coordinator.http_session import CoordinatorSession, never_sent
from selfserve.coordinator.pages import count_of, innermost, to_columns, to_progress
from selfserve.coordinator.preparing import Prepared, prepare
from selfserve.coordinator.values import ValueUnfitError, to_rows
from selfserve.core.sql.answers import Column, Figures, Progress, Row
from selfserve.errors import (
    BadInputError,
    InterruptedByUserError,
    OutcomeUnknownError,
    SelfserveError,
)


def open_answer(
    coordinator: Coordinator, statement: str, parameters: Sequence[object] = ()
) -> "CoordinatorAnswer":
    """Ask, and return as soon as the coordinator has taken the query.

    Waits while the coordinator starts. Whoever does not want the answer any more cancels it;
    a query that nobody reads is ended by the coordinator after five minutes.

    Args:
        coordinator: whom to ask.
        statement: without a semicolon; `?` stands for each parameter.
        parameters: their values, in that order.

    Raises:
        ClusterFailedError: nobody answers, or nobody who takes queries.
        OutcomeUnknownError: the answer was lost; the query may run.
        SelfserveError: the engine refuses the statement at once.
    """
    prepared = prepare(statement, parameters, engine=coordinator.engine)
    answer = CoordinatorAnswer(coordinator, statement, prepared)
    answer.ask()
    return answer


class CoordinatorAnswer:
    """Implements `core.sql.answers.Answer`."""

    def __init__(self, coordinator: Coordinator, statement: str, prepared: Prepared) -> None:
        self._asked = Asked(
            coordinator.engine.called, coordinator.cluster, statement, prepared.lines_before
        )
        self._text = prepared.text
        self._http = CoordinatorSession(
            coordinator.url,
            presto_headers=coordinator.has_presto_headers,
            patience=coordinator.patience,
        )
        self._coordinator = coordinator
        self._session = to_session(coordinator, prepared)
        self._request = to_request(self._session, self._http, coordinator.patience)
        self._columns: tuple[Column, ...] | None = None
        self._waiting: list[list[object]] = []
        self._rows = 0
        self._progress = Progress("QUEUED")
        self._stats: Mapping[str, object] = {}
        self._next: str | None = None
        self._cancelled = False
        self._failure: SelfserveError | None = None
        self._refusals = 0
        self._patience = coordinator.patience
        self._starts_until = time.monotonic() + coordinator.patience.starting_s
        self._lock = threading.Lock()
        self.query_id = ""
        """The engine's own, such as 20260501_103000_00042_abcde."""

    def ask(self) -> None:
        """Send the statement, once."""
        try:
            response = self._request.post(self._text)
        except requests.RequestException as error:
            self._http.close()
            raise self._unanswered(error) from error
        if response.ok and not response.content:
            raise self._unanswered(requests.ConnectionError("the answer was empty"))
        self._take(response)

    @property
    def columns(self) -> Sequence[Column]:
        """Known once this returns; empty for statements without rows. Waits for the engine."""
        while self._columns is None and self._next is not None:
            self._fetch()
        self._raise_if_cut_short()
        return self._columns or ()

    def batches(self) -> Iterator[Sequence[Row]]:
        """The rows of each page. A reader that stops early cancels the query."""
        try:
            while True:
                rows = self._take_rows()
                if rows:
                    self._rows += len(rows)
                    yield rows
                elif self._next is None:
                    self._raise_if_cut_short()
                    return
                else:
                    self._fetch()
        finally:
            self.cancel()

    def progress(self) -> Progress:
        """As the last page said; asks nobody."""
        return self._progress

    def figures(self) -> Figures:
        """What the last page said: the whole, after the last batch."""
        read = count_of(self._stats, "physicalInputBytes")
        return Figures(
            rows=self._rows,
            bytes_read=count_of(self._stats, "processedBytes") if read is None else read,
            rows_read=count_of(self._stats, "processedRows"),
        )

    def next_coordinator(self) -> Coordinator:
        """For the next statement: with what this one has changed by USE and SET SESSION."""
        session = self._session
        return replace(
            self._coordinator,
            catalog=session.catalog or self._coordinator.catalog,
            schema=session.schema or self._coordinator.schema,
            properties=dict(session.properties),
        )

    def cancel(self) -> None:
        """Make the engine stop. Idempotent; may come from another thread; does not raise.

        If the coordinator cannot be reached, nobody reads the query's pages any more, and it
        ends it after five minutes.
        """
        with self._lock:
            at, self._next = self._next, None
            if at is None:
                return
            self._cancelled = True
        self._http.cancelled.set()
        try:
            self._request.delete(at)
        except requests.RequestException:
            pass  # as the docstring says
        finally:
            self._http.close()

    def _fetch(self) -> None:
        at = self._next
        if at is None:
            return
        try:
            self._take(self._get(at))
        except SelfserveError as error:
            self._failure = error
            raise

    def _get(self, at: str) -> requests.Response:
        try:
            return self._request.get(at)
        except requests.RequestException as error:
            raise self._ended_by(error) from error

    def _take(self, response: requests.Response) -> None:
        """Read one page, or raise what it says."""
        if not response.ok:
            self._over()
            raise self._refused(response)
        try:
            status = self._request.process(response)
        except TrinoQueryError as error:
            found = from_protocol(error._error)  # noqa: SLF001  its properties lack the causes
            if self._is_worth_waiting(found):
                self.ask()
                return
            self._over()
            self._raise_if_cut_short()
            raise to_selfserve_error(found, self._asked) from error
        except (TrinoConnectionError, ValueError, KeyError) as error:
            raise self._ended_by(error) from error
        self._read(status)

    def _is_worth_waiting(self, error: EngineError) -> bool:
        """Whether the query was refused because the coordinator starts; waits a little then.

        The query has certainly not run.
        """
        if error.name != "SERVER_STARTING_UP" or self._http.cancelled.is_set():
            return False
        self._refusals += 1
        cancelled = self._http.cancelled.wait(self._patience.wait_s(self._refusals))
        return not cancelled and time.monotonic() < self._starts_until

    def _read(self, status: TrinoStatus) -> None:
        self.query_id = status.id
        self._stats = status.stats
        self._progress = to_progress(status.stats)
        if status.columns and self._columns is None:
            self._columns = to_columns(status)
        if isinstance(status.rows, dict):
            raise ValueError("rows were spooled, which was not asked for")  # noqa: TRY004  a bug
        if self._columns:
            self._waiting = status.rows
        with self._lock:
            if not self._cancelled:
                self._next = status.next_uri
        if status.next_uri is None:
            self._over()

    def _take_rows(self) -> list[Row]:
        page, self._waiting = self._waiting, []
        if not page:
            return []
        try:
            return to_rows([column.type for column in self._columns or ()], page)
        except ValueUnfitError as error:
            raise BadInputError(
                f"The answer cannot be read: {error}.",
                hint="Cast that column in the statement, such as: CAST(column AS varchar)",
            ) from error

    def _over(self) -> None:
        with self._lock:
            self._next = None
        self._http.close()

    def _raise_if_cut_short(self) -> None:
        """No answer that was cut short is taken for a whole one."""
        if self._failure is not None:
            raise self._failure
        if self._cancelled:
            raise InterruptedByUserError(
                "The query was cancelled.", hint="Ask again with: selfserve sql --again"
            )

    def _unanswered(self, error: Exception) -> SelfserveError:
        """For the POST: what was never sent has no outcome."""
        if never_sent(error):
            return self._gone(error)
        return OutcomeUnknownError(
            f"{self._asked.engine} on {self._asked.cluster} did not answer; it may have begun the "
            f"query all the same, and ends it in five minutes if so: {innermost(error)}",
            hint=f"See whether the cluster is well: selfserve status {self._asked.cluster}",
        )

    def _ended_by(self, error: Exception) -> SelfserveError:
        self._over()
        self._raise_if_cut_short()
        return self._gone(error)

    def _refused(self, response: requests.Response) -> SelfserveError:
        self._raise_if_cut_short()
        engine, cluster, status = self._asked.engine, self._asked.cluster, response.status_code
        said = " ".join(response.text.split())[:200] or f"HTTP {status}"
        if status in {404, 410}:
            what = f"{engine} on {cluster} knows nothing of the query any more; it has restarted"
        elif status == 503:
            what = f"{engine} on {cluster} takes no queries: it is starting, or shutting down"
        else:
            what = f"{engine} on {cluster} refused the request (HTTP {status})"
        return cluster_failed(f"{what}: {said}", self._asked)

    def _gone(self, error: Exception) -> SelfserveError:
        return cluster_failed(
            f"{self._asked.engine} on {self._asked.cluster} does not answer any more: "
            f"{innermost(error)}",
            self._asked,
        )
