"""Where this machine keeps what can be made again: runtimes, archives, known clusters."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder for selfserve, or SELFSERVE_CACHE."""
    chosen = os.environ.get("SELFSERVE_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs  # noqa: PLC0415  not needed where the variable is set

    return platformdirs.user_cache_path("selfserve").absolute()
