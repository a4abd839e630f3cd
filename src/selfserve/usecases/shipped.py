"""The folders that come with selfserve: cluster profiles and bootstrap scripts.

A wheel carries them inside the package; in a checkout they stand at its root.
"""

from pathlib import Path

import selfserve
from selfserve.core.did_you_mean import did_you_mean
from selfserve.errors import BadInputError


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
    """The content of one bootstrap script, by its file name.

    Raises:
        BadInputError: selfserve ships no such script.
    """
    folder = shipped_folder("bootstrap")
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        known = sorted(path.name for path in folder.glob("*.sh"))
        raise BadInputError(
            f"There is no bootstrap script {name}{did_you_mean(name, known)}",
            hint=f"Name one of these in the profile: {', '.join(known) or '(none)'}",
        ) from error
