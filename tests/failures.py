"""Real failures, kept in tests/fixtures/failures/<kind>, as evidence for `core.why`.

A folder has `job.py` (or `job.sql`) that failed; `evidence.json`, an Evidence
without its logs; `logs/NN-<source>.txt`, a log each, whose first line is its name;
and `expected.json`, what ought to be said of it. `tests/fixtures/make_failures.py`
makes them again, all but `expected.json` and the kinds that only EMR has (`emr-*`).
"""

import json
from pathlib import Path

from selfserve.core.evidence import Evidence, Log, LogSource

FOLDER = Path(__file__).parent / "fixtures" / "failures"


def failure_kinds() -> list[str]:
    """The names of all kinds that have evidence."""
    return sorted(path.parent.name for path in FOLDER.glob("*/evidence.json"))


def load_failure(kind: str) -> Evidence:
    """What was known of that failure."""
    folder = FOLDER / kind
    known = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    logs = tuple(_load_log(path) for path in sorted(folder.glob("logs/*.txt")))
    return Evidence(**known, logs=logs)


def _load_log(path: Path) -> Log:
    first, _, text = path.read_text(encoding="utf-8").partition("\n")
    source = LogSource[path.stem.partition("-")[2].upper()]
    return Log(source, first.removeprefix("# "), text)
