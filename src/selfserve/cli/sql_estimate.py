"""What a statement would read, take and cost, as a table: for `sql --explain-cost`."""

from selfserve.cli.output import Output
from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.estimates.view import HEADERS, to_json, to_rows, to_total


def show_estimate(output: Output, estimate: Estimate, *, as_json: bool) -> None:
    """Show it; nothing has been run."""
    if as_json:
        output.json(to_json(estimate))
        return
    if estimate.scans:
        output.table(HEADERS, to_rows(estimate))
    output.line(to_total(estimate))
    for note in estimate.notes:
        output.say(f"note: {note}")
