"""The folders that come with selfserve: cluster profiles and bootstrap scripts.

A wheel carries them inside the package; in a checkout they stand at its root.
"""

from pathlib import Path

import selfserve


def shipped_folder(name: str) -> Path:
    """The folder `cluster_profiles` or `bootstrap`, wherever this installation has it.

    Raises:
        RuntimeError: the installation is incomplete.
    """
    package = Path(selfserve.__file__).parent
    for folder in (package / name, package.parents[1] / name):
        if folder.is_dir():
            return folder
    raise RuntimeError(f"this installation of selfserve lacks its folder {name}")


def read_bootstrap_script(name: str) -> bytes:
    """The content of one bootstrap script, by its file name."""
    return (shipped_folder("bootstrap") / name).read_bytes()
