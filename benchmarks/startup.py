"""`selfserve --help` and `selfserve profiles validate` against `aws --version`."""

import sys
from pathlib import Path

from benchmarks.side_by_side import command, compare

_BIN = Path(sys.executable).parent


def main() -> None:
    """Print both ratios."""
    print("Start-up: whole processes")
    theirs = command([str(_BIN / "aws"), "--version"])
    for arguments in (["--help"], ["profiles", "validate"]):
        pair = compare(command([str(_BIN / "selfserve"), *arguments]), theirs, rounds=15)
        pair.report("selfserve " + " ".join(arguments), "aws --version", aim=0.30)


if __name__ == "__main__":
    main()
