"""The folder of one local cluster: what lies where, and what stays of it at the end."""

import json
import shutil
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from selfserve.local.engine.machine import WorkerPlan
from selfserve.local.home import write_private

_KEPT_LOG_BYTES = 2**20
_LOGS_KEPT_S = 7 * 86_400
_LOGS = frozenset({"stdout", "stderr", "exit"})


@dataclass(frozen=True, slots=True)
class Sizing:
    """What was decided when the cluster started; a daemon that adopts it goes on with this."""

    secret: str
    plan: WorkerPlan


@dataclass(frozen=True, slots=True)
class ClusterFolder:
    """`<home>/clusters/<cluster id>`."""

    home: Path
    cluster_id: str

    @property
    def root(self) -> Path:
        """Readable by the user only: there are secrets in it."""
        return self.home / "clusters" / self.cluster_id

    @property
    def conf(self) -> Path:
        """SPARK_CONF_DIR of Master and Workers."""
        return self.root / "conf"

    @property
    def scratch(self) -> Path:
        """Shuffle files, blocks on disk, and other things that need not outlive a process."""
        return self.root / "scratch"

    @property
    def busy_file(self) -> Path:
        """Touched by whoever wants to say that the cluster is not idle; the place is EMR's."""
        return self.root / "emr" / "metricscollector" / "isbusy"

    def process(self, name: str) -> Path:
        """Files of `master` or of `worker-N`."""
        return self.root / name

    def step(self, step_id: str) -> Path:
        """Files of one step."""
        return self.root / "steps" / step_id

    def make(self) -> None:
        """Create it. Raises OSError."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.conf.mkdir(exist_ok=True)
        self.busy_file.parent.mkdir(parents=True, exist_ok=True)
        (self.scratch / "tmp").mkdir(parents=True, exist_ok=True)

    def write_sizing(self, sizing: Sizing) -> None:
        """Keep it for a daemon that adopts the cluster. Raises ClusterFailedError."""
        write_private(self.root / "sizing.json", json.dumps(asdict(sizing)))

    def read_sizing(self) -> Sizing | None:
        """What `write_sizing` has kept."""
        try:
            kept = json.loads((self.root / "sizing.json").read_text(encoding="utf-8"))
            return Sizing(kept["secret"], WorkerPlan(**kept["plan"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def clear(self) -> None:
        """Remove everything but small logs, once nothing runs in it. Raises OSError."""
        for folder in (self.scratch, self.conf, self.root / "emr"):
            _remove(folder)
        (self.root / "sizing.json").unlink(missing_ok=True)
        for folder in [*self.root.glob("*"), *self.root.glob("steps/*")]:
            if folder.is_dir() and folder.name != "steps":
                _keep_logs_only(folder)


def _keep_logs_only(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            _remove(path)
        elif path.name not in _LOGS or path.stat().st_size > _KEPT_LOG_BYTES:
            path.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def unclean(home: Path) -> set[str]:
    """Ids of the clusters that nobody has cleared yet."""
    return {path.parent.name for path in (home / "clusters").glob("*/scratch")}


def remove_old(home: Path, *, keep: Collection[str]) -> None:
    """Remove the small logs of clusters that ended a week ago."""
    for folder in (home / "clusters").glob("*"):
        age_s = time.time() - folder.stat().st_mtime
        if folder.name not in keep and age_s > _LOGS_KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)  # the next start of the daemon tries again
