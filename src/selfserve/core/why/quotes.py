"""Choose the few lines that show a cause: the user's own traceback first. Pure."""

from collections.abc import Iterator, Sequence

from selfserve.core.evidence import Evidence
from selfserve.core.why.texts import Place, Text, ends_of, job_stderr
from selfserve.core.why.tracebacks import parse_tracebacks
from selfserve.core.why.unknown import likeliest_line
from selfserve.core.why.verdict import Quote

LINE_CHARS = 240


def collect_quotes(
    evidence: Evidence,
    texts: Sequence[Text],
    matched: tuple[Text, str] | None,
    also: Sequence[Place] = (),
) -> list[Quote]:
    """The user's traceback, the worker's, the line that matched, one line of each place in `also`.

    Each line once, and none very long.
    """
    found = [*_tracebacks(evidence)]
    if matched is not None:
        text, line = matched
        if text.place is not Place.OUTCOME:
            found.append(Quote(text.source, text.name, (line,)))
    for text in texts:
        line_there = likeliest_line(text) if text.place in also else None
        if line_there is not None:
            found.append(Quote(text.source, text.name, (line_there,)))
    return _each_once(found)


def _tracebacks(evidence: Evidence) -> Iterator[Quote]:
    written = evidence.traceback
    if not written:
        stderr = job_stderr(evidence)
        written = stderr.text if stderr else ""
    chain = parse_tracebacks(ends_of(written))
    drivers = [found for found in chain if not found.is_workers]
    workers = [found for found in chain if found.is_workers]
    if drivers:  # of a chain the last is what ended the job
        yield Quote("your traceback", "", drivers[-1].shown())
    workers = workers or parse_tracebacks(evidence.exception_message)
    if workers:
        yield Quote("the Python worker's traceback", "", workers[0].shown())


def _each_once(quotes: Sequence[Quote]) -> list[Quote]:
    seen: set[str] = set()
    kept: list[Quote] = []
    for quote in quotes:
        lines = tuple(_shorten(line) for line in quote.lines if line.strip())
        if not lines or all(line.strip() in seen for line in lines):
            continue
        seen.update(line.strip() for line in lines)
        kept.append(Quote(quote.source, quote.name, lines))
    return kept


def _shorten(line: str) -> str:
    line = line.expandtabs(2).rstrip()
    return line if len(line) <= LINE_CHARS else f"{line[: LINE_CHARS - 1]}…"
