"""Where this machine keeps what can be made again: runtimes, archives, known clusters."""

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder for selfserve, or SELFSERVE_CACHE."""
    chosen = os.environ.get("SELFSERVE_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs  # noqa: PLC0415  not needed where the variable is set

    return platformdirs.user_cache_path("selfserve").absolute()


def write_whole(path: Path, text: str) -> None:
    """Write a file of which readers see all or nothing. Raises OSError."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".note-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(draft).replace(path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise
