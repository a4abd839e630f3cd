"""Which commit a job was submitted from, for the run's record."""

import subprocess
from pathlib import Path

from selfserve.core.run import Origin

_PATIENCE_S = 3.0  # a huge repository on a slow disk is no reason to keep the user waiting


def find_origin(path: Path) -> Origin | None:
    """The commit of the repository around `path`; None outside one, or without git."""
    folder = path if path.is_dir() else path.parent
    head = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not head:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=normal")
    return None if changes is None else Origin(commit=head.strip(), is_dirty=bool(changes.strip()))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "--no-optional-locks", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):  # no git here, or it takes too long
        return None
    return done.stdout if done.returncode == 0 else None
