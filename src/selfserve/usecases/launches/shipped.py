"""Profiles and bootstrap scripts that come with selfserve, and the user's own scripts.

A wheel carries the shipped folders inside the package; in a checkout they stand at its root.
"""

from pathlib import Path

import selfserve
from selfserve.core.did_you_mean import did_you_mean
from selfserve.errors import BadInputError
from selfserve.usecases.targets.config_file import profiles_folder


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


def bootstrap_folders() -> tuple[Path, ...]:
    """Where bootstrap scripts are looked for, nearest first, as profiles are."""
    return (Path("bootstrap"), profiles_folder().parent / "bootstrap", shipped_folder("bootstrap"))


def read_bootstrap_script(name: str) -> bytes:
    """The content of the nearest bootstrap script of this file name.

    Raises:
        BadInputError: there is no such script.
    """
    folders = bootstrap_folders()
    for folder in folders:
        if (folder / name).is_file():
            return (folder / name).read_bytes()
    files = (path for folder in folders for path in folder.glob("*"))
    known = sorted({path.name for path in files if path.suffix in {".sh", ".py"}})
    raise BadInputError(
        f"There is no bootstrap script {name}{did_you_mean(name, known)}",
        hint=f"Put it into ./bootstrap/, or name one of these: {', '.join(known)}",
    )
