"""Run all measurements, or those named: `python -m benchmarks [startup] [api] [submit] …`."""

import sys

from benchmarks import api, packing, resubmit, runner, sql, sql_estimate, startup, submit, sweep

_ALL = {
    "startup": startup.main,
    "api": api.main,
    "packing": packing.main,
    "resubmit": resubmit.main,
    "runner": runner.main,
    "sql": sql.main,
    "sql-estimate": sql_estimate.main,
    "submit": submit.main,
    "sweep": sweep.main,
}


def main(names: list[str]) -> int:
    """Run the named measurements, or all of them."""
    unknown = sorted(set(names) - set(_ALL))
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(_ALL)}", file=sys.stderr)
        return 2
    for name in names or list(_ALL):
        _ALL[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
