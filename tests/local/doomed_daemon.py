"""A daemon that is going to be killed: starts a cluster and steps, and never closes.

Run as `python -m local.doomed_daemon HOME [STEP…]`, a step being JSON of its id and
arguments. Says `up` once everything runs.
"""

import json
import sys
import threading
from pathlib import Path

from local.engine_bench import Events, cluster, make_engine, run_step, up
from selfserve.local.control.events import EngineReady


def main() -> None:
    home, *steps = sys.argv[1:]
    record, events = cluster(), Events()
    engine = make_engine(Path(home), events)
    engine.start_cluster(record)
    events.wait(EngineReady)
    for text in steps:
        step_id, argv = json.loads(text)
        engine.start_step(up(record), run_step(*argv, step_id=step_id))
    sys.stdout.write("up\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
