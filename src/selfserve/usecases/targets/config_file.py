"""Where the user's configuration is. Light: looking a profile up reads no configuration."""

import os
from collections.abc import Mapping
from pathlib import Path


def config_file(environ: Mapping[str, str] = os.environ) -> Path:
    """The file that SELFSERVE_CONFIG names, or the usual one; it need not exist."""
    chosen = environ.get("SELFSERVE_CONFIG")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_config_path("selfserve") / "config.yaml"


def profiles_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the user's own cluster profiles are: beside the configuration file."""
    return config_file(environ).parent / "cluster_profiles"
