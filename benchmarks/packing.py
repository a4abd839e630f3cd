"""Build and pack requests, pandas and scikit-learn, against `pip install` and `venv-pack`.

Both start from warm download caches and end with a .tar.gz. Ours may not use an
archive that it has made before. pip can only pack for the machine it runs on; so
its time stands against ours for x86-64 as well as for arm64.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

from benchmarks.side_by_side import command, compare
from selfserve.core.program import PythonTarget
from selfserve.packing.dependencies import build_dependencies
from selfserve.packing.requirements import find_requirements
from selfserve.packing.uv_tool import Uv

_PACKAGES = ("requests", "pandas", "scikit-learn")
_ARCHITECTURES = {"x86-64": "x86_64", "arm64": "aarch64"}


def main() -> None:
    """Print the ratio for both architectures."""
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    print(f"packing: {', '.join(_PACKAGES)}; {os.cpu_count()} cores, load {load}")
    with tempfile.TemporaryDirectory() as folder:
        theirs = _venv_pack(Path(folder))
        theirs()  # fills pip's cache
        for name, cpu in _ARCHITECTURES.items():
            ours = _ours(Path(folder) / cpu, cpu)
            ours()  # fills uv's cache
            pair = compare(ours, theirs, rounds=3, warm_up=0)
            pair.report(f"selfserve, for {name}", "pip install + venv-pack, here", aim=0.15)


def _ours(folder: Path, cpu: str) -> Callable[[], object]:
    folder.mkdir()
    wanted = folder / "requirements.txt"
    wanted.write_text("\n".join(_PACKAGES), encoding="utf-8")
    target = PythonTarget("3.11", f"{cpu}-manylinux_2_34")
    numbers = count()

    def build() -> None:
        requirements = find_requirements(folder, explicit=wanted)
        cache = folder / f"cache-{next(numbers)}"
        assert requirements is not None
        built = build_dependencies(
            requirements, target, cache=cache, uv=Uv(), report=lambda _: None
        )
        assert built is not None
        shutil.rmtree(cache)

    return build


def _venv_pack(folder: Path) -> Callable[[], object]:
    tools = folder / "tools"
    subprocess.run([sys.executable, "-m", "venv", str(tools)], check=True)
    command([str(tools / "bin" / "pip"), "install", "-q", "venv-pack", "setuptools<81"])()
    numbers = count()

    def build() -> None:
        place = folder / f"venv-{next(numbers)}"
        archive = place.with_suffix(".tar.gz")
        for argv in (
            [sys.executable, "-m", "venv", str(place)],
            [str(place / "bin" / "pip"), "install", "-q", "--only-binary", ":all:", *_PACKAGES],
            [str(tools / "bin" / "venv-pack"), "-q", "-p", str(place), "-o", str(archive)],
        ):
            command(argv)()
        shutil.rmtree(place)
        archive.unlink()

    return build


if __name__ == "__main__":
    main()
