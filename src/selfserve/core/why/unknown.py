"""When no rule fits: the lines that most likely tell. Pure.

A line is scored by what it says and by how near to the end it stands; noise
that every Spark job writes is known.
"""

import re
from collections.abc import Sequence

from selfserve.core.why.texts import Place, Text
from selfserve.core.why.verdict import Quote

_SHOWN = 4

_SCORES = (
    (8, re.compile(r"^Caused by: |^(?:[A-Za-z_][\w.]*)?(?:Error|Exception)(?::|$)")),
    (6, re.compile(r"\b(?:FATAL|Fatal|fatal|panic)\b")),
    (5, re.compile(r"^FAILED: |^[Ee]rror: |^Exception in thread|: error: ")),
    (4, re.compile(r"\b(?:ERROR|Error)\b|\b[\w.]+(?:Error|Exception): ")),
    (2, re.compile(r"\b(?:WARN|[Ff]ailed|[Kk]illed|[Dd]enied|[Uu]nable|[Cc]annot)\b")),
)
_NOISE = re.compile(
    r"""(?x) NativeCodeLoader | Set\ SPARK_LOCAL_IP | Utils:\ Your\ hostname | SparkUI | SLF4J
    | ShutdownHookManager | Setting\ default\ log\ level | illegal\ reflective | log4j:WARN
    | ProcfsMetricsGetter | GarbageCollectionMetrics | Service\ '.*'\ could\ not\ bind
    | Neither\ spark\.yarn\.jars | WindowExec | SparkStringUtils | Truncated\ the\ string
    | RECEIVED\ SIGNAL\ TERM | InterruptedException | DeprecationWarning
    | FutureWarning | UserWarning"""
)
_ENDS = {Place.EXCEPTION: 20, Place.CLUSTER: 20, Place.STEP: 15}
_NOTHING_SAID = re.compile(
    r"(?i)unknown error|an internal error occurred|^The step (?:ended with|was ended by) |^\s*$"
)


def likeliest_lines(texts: Sequence[Text]) -> list[Quote]:
    """The best line of each text, the best texts first."""
    scored = []
    for text in texts:
        score, line = _best(text)
        if line is not None:
            scored.append((score, Quote(text.source, text.name, (line[:400],))))
    scored.sort(key=lambda one: one[0], reverse=True)
    return [quote for _, quote in scored[:_SHOWN]]


def likeliest_line(text: Text) -> str | None:
    """The line of one text that most likely tells."""
    return _best(text)[1]


def _best(text: Text) -> tuple[float, str | None]:
    """Score and line; of equals the last one."""
    if text.place is Place.OUTCOME:
        return 0, None
    bonus = _ENDS.get(text.place)
    if bonus is not None:
        line = text.text.strip().partition("\n")[0]
        return (0, None) if _NOTHING_SAID.search(line) else (bonus, line)
    lines = text.text.splitlines()
    best: tuple[float, str | None] = (0, None)
    for number, line in enumerate(lines):
        score = _score(line) + number / (len(lines) or 1)
        if score >= 2 and score >= best[0]:
            best = (score, line.strip())
    return best


def _score(line: str) -> int:
    if _NOISE.search(line):
        return 0
    return next((score for score, pattern in _SCORES if pattern.search(line.strip())), 0)
