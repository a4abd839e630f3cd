"""Choose the Python of a Spark runtime among those on this machine."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from selfserve.local.runtime.spark_needs import (
    SparkNeeds,
    Version,
    nearest_pythons,
    needs_of,
    parse_version,
)
from selfserve.packing.uv_tool import Uv


@dataclass(frozen=True, slots=True)
class PythonChoice:
    """A Python for `uv venv --python`."""

    version: str
    """Such as 3.11."""
    program: str | None
    """None: uv has to download it."""
    note: str | None = None
    """Why it is not the wanted one."""


def choose_python(needs: SparkNeeds, wanted: str, uv: Uv) -> PythonChoice:
    """The wanted Python if it is installed, else the nearest that is and that Spark supports.

    Raises:
        ClusterFailedError: uv cannot list the installed ones.
    """
    ours = sys.version_info[:2]
    if ours == parse_version(wanted) and ours in needs.pythons:
        return decide_python(needs, wanted, {ours: sys.executable})  # a listing takes a second
    listed = uv.run(["python", "list", "--only-installed", "--output-format", "json"])
    return decide_python(needs, wanted, installed_pythons(listed))


def python_for(spark_version: str, wanted: str) -> str:
    """The Python, such as 3.11, that jobs run on here when EMR runs them on `wanted`.

    Raises:
        ClusterFailedError: uv cannot list the installed ones.
    """
    return choose_python(needs_of(spark_version), wanted, Uv()).version


def installed_pythons(listed: str) -> dict[Version, str]:
    """Version to program, from uv's JSON; our own interpreter and pyenv's count too."""
    found: dict[Version, str] = {}
    for entry in json.loads(listed):
        parts = entry["version_parts"]
        version: Version = (parts["major"], parts["minor"])
        if entry["implementation"] == "cpython" and entry.get("variant", "default") == "default":
            found.setdefault(version, entry["path"])
    found.setdefault(sys.version_info[:2], sys.executable)
    # pyenv has only the chosen version on the PATH, which is all that uv sees.
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for program in sorted(root.glob("versions/3.*/bin/python3.*")):
        version = parse_version(program.name.removeprefix("python"))
        if program.name == f"python{'.'.join(map(str, version))}":  # not python3.11-config
            found.setdefault(version, str(program))
    return found


def decide_python(needs: SparkNeeds, wanted: str, installed: Mapping[Version, str]) -> PythonChoice:
    """Pure part of `choose_python`."""
    best_first = nearest_pythons(needs, wanted)
    chosen = next((version for version in best_first if version in installed), best_first[0])
    name = ".".join(map(str, chosen))
    if chosen not in installed:
        why = f"no Python for Spark {needs.spark} is on this machine: uv downloads {name}"
    elif name == wanted:
        why = None
    elif wanted in {".".join(map(str, version)) for version in needs.pythons}:
        why = f"Python {wanted} is not on this machine; Spark {needs.spark} runs on {name} here"
    else:
        why = (
            f"Spark {needs.spark} from PyPI does not run on Python {wanted}; it runs on {name} here"
        )
    return PythonChoice(name, installed.get(chosen), why)
