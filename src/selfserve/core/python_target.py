"""Which wheels fit a cluster: its Python, its CPU and the C library of its Linux.

Pure. uv knows a few versions of glibc (`uv pip install --help`, --python-platform);
of those we take the newest that is not newer than the target's own.
"""

import re
from collections.abc import Iterable

from selfserve.core.instances import load_instances
from selfserve.core.program import PythonTarget
from selfserve.core.releases import Release
from selfserve.errors import BadInputError

# Amazon Linux 2 has glibc 2.26, Amazon Linux 2023 has 2.34; EMR moved with 7.0.
# https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html
# https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-700-release.html
_AL2_GLIBC = (2, 26)
_AL2023_GLIBC = (2, 34)
_FIRST_ON_AL2023 = 7

_UV_GLIBC = ((2, 17), (2, 28), *((2, minor) for minor in range(31, 41)))
"""What uv 0.13 has a manylinux value for."""
_UV_CPU = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}
_PEOPLE_CPU = {"x86_64": "x86_64", "aarch64": "arm64"}
_PLATFORM = re.compile(r"(?P<cpu>[^-]+)-(manylinux_2_(?P<minor>\d+)|(?P<old>manylinux2014)|.*)")


def python_target(release: Release, architecture: str) -> PythonTarget:
    """The Python that PySpark runs on in `release`; `architecture` is x86_64 or arm64."""
    glibc = _AL2_GLIBC
    if release.is_spark_only or release.number[0] >= _FIRST_ON_AL2023:
        glibc = _AL2023_GLIBC
    return PythonTarget(release.python, _linux(_UV_CPU[architecture], glibc))


def machine_target(
    python_version: str, *, machine: str, system: str, libc_version: str
) -> PythonTarget:
    """The Python of this machine; the facts are as of `platform.machine/system/libc_ver`.

    Raises:
        BadInputError: uv has no wheels for such a machine.
    """
    cpu = _UV_CPU.get(machine.lower())
    glibc = re.match(r"(\d+)\.(\d+)", libc_version)
    if cpu and system == "Darwin":
        return PythonTarget(python_version, f"{cpu}-apple-darwin")
    if cpu and system == "Linux" and glibc and (found := _as_pair(glibc)) >= _UV_GLIBC[0]:
        return PythonTarget(python_version, _linux(cpu, found))
    libc = f"libc {libc_version}" if libc_version else "an unknown libc"
    raise BadInputError(
        f"No wheels can be chosen for this machine: {system} on {machine} with {libc}.",
        hint="Use Linux with glibc or macOS, on x86_64 or arm64; or another target: --on aws",
    )


def architecture_of(workers: Iterable[str], *, primary: Iterable[str] = ()) -> str:
    """The one CPU architecture, x86_64 or arm64, of the instances that Python runs on.

    `workers` are the instance types of core and task. `primary` only matters to a
    driver in client mode, or where there are no workers: leave it out otherwise.

    Raises:
        BadInputError: they are of both architectures, or of none that is known.
    """
    table = load_instances()
    names = (*workers, *primary)
    found = {known.arch: name for name in names if (known := table.get(name)) is not None}
    if len(found) == 1:
        return next(iter(found))
    if not found:
        raise BadInputError(
            f"The CPU of {', '.join(names) or 'no instance type'} is not known, "
            "so no packages can be chosen for it.",
            hint="Use instance types that selfserve knows, such as m7g.xlarge or m7i.xlarge.",
        )
    both = " and ".join(f"{found[arch]} ({arch})" for arch in sorted(found))
    raise BadInputError(
        f"Python packages fit one kind of CPU, but the job's nodes have two: {both}.",
        hint="Give them types of one kind, such as: --set 'nodes.task.types=[r7g.2xlarge]'",
    )


def in_words(target: PythonTarget) -> str:
    """Such as `Python 3.11 on arm64, Linux with glibc 2.34 (as Amazon Linux 2023)`."""
    match = _PLATFORM.fullmatch(target.platform)
    if match is None:
        return f"Python {target.version} on {target.platform}"
    cpu = f"Python {target.version} on {_PEOPLE_CPU.get(match['cpu'], match['cpu'])}"
    if match["old"]:
        return f"{cpu}, Linux with glibc 2.17 (as Amazon Linux 2)"
    if match["minor"] is None:
        return (
            f"{cpu}, macOS" if target.platform.endswith("darwin") else f"{cpu}, {target.platform}"
        )
    amazon = " (as Amazon Linux 2023)" if int(match["minor"]) == _AL2023_GLIBC[1] else ""
    return f"{cpu}, Linux with glibc 2.{match['minor']}{amazon}"


def _linux(cpu: str, glibc: tuple[int, int]) -> str:
    major, minor = max(known for known in _UV_GLIBC if known <= glibc)
    version = "2014" if (major, minor) == (2, 17) else f"_{major}_{minor}"
    return f"{cpu}-manylinux{version}"


def _as_pair(match: re.Match[str]) -> tuple[int, int]:
    return int(match[1]), int(match[2])
