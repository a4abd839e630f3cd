"""Let uv choose the exact versions and files of a job's packages: its lock."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selfserve.core.program import PythonTarget
from selfserve.core.requirements import Requirements, RequirementsKind, name_of
from selfserve.core.requirements_txt import (
    LineKind,
    parse_lock,
    parse_requirements_txt,
    render_lock,
)
from selfserve.errors import BadInputError
from selfserve.packing.uv_tool import Uv, UvError

FROM_CLUSTER = ("pyspark", "py4j")
"""Spark brings these with it; another version beside it would not work."""

_PLAIN = ("--no-annotate", "--no-header")


def for_target(target: PythonTarget) -> list[str]:
    """Options of uv for wheels that fit `target`, whatever this machine is."""
    python = ["--python", sys.executable, "--no-python-downloads"]
    fits = ["--python-version", target.version, "--python-platform", target.platform]
    return [*python, *fits, "--only-binary", ":all:"]


@dataclass(frozen=True, slots=True)
class Resolver:
    """Resolves in the folder of the requirements, so that uv finds its settings there.

    What it writes goes to `scratch`, as an index URL may hold a password that must
    not stand in arguments.
    """

    uv: Uv
    scratch: Path

    def lock(self, requirements: Requirements, target: PythonTarget, *, refresh: bool) -> str:
        """The exact versions with hashes, in the format of requirements.txt.

        Where a uv.lock has been exported, some may be for other targets: uv leaves
        these out as it installs.

        Raises:
            UvError: there is no solution, or uv could not look for one.
            BadInputError: a lock is out of date, or pins what is not a wheel.
        """
        if requirements.lock is not None:
            return self._with_hashes(self._export(requirements), requirements, target)
        wanted = self._write("requirements.in", requirements.options, requirements.dependencies)
        limits = self._write("constraints.txt", requirements.constraints)
        extra = ["--refresh"] if refresh else []
        folder = requirements.path.absolute().parent
        found = self._compile(target, wanted, "--constraints", str(limits), *extra, folder=folder)
        return render_lock(_heed_hashes(parse_lock(found), requirements))

    def probe(self, requirement: str, target: PythonTarget, requirements: Requirements) -> str:
        """The `name==version` that `requirement` and its own needs give. Raises UvError."""
        wanted = self._write("probe.in", requirements.options, [requirement])
        folder = requirements.path.absolute().parent
        pins = parse_lock(self._compile(target, wanted, folder=folder))
        name = name_of(requirement)
        return next((pin for pin in pins if name_of(pin) == name), "")

    def _compile(self, target: PythonTarget, wanted: Path, *extra: str, folder: Path) -> str:
        excluded = self._write("excludes.txt", FROM_CLUSTER)
        how = ["--generate-hashes", "--no-emit-index-url", "--excludes", str(excluded), *_PLAIN]
        command = ["pip", "compile", "--quiet", *for_target(target), *how, *extra, str(wanted)]
        return self.uv.run(command, folder=folder)

    def _export(self, requirements: Requirements) -> dict[str, frozenset[str]]:
        folder = requirements.path.absolute().parent
        is_script = requirements.kind is RequirementsKind.INLINE
        of_what = ["--script", str(requirements.path.absolute())] if is_script else []
        self._check_in_date(requirements, of_what, folder)
        pruned = [option for name in FROM_CLUSTER for option in ("--prune", name)]
        own = [] if is_script else ["--no-emit-project", "--no-dev"]
        command = ["export", "--quiet", "--frozen", *_PLAIN, *own, *pruned, *of_what]
        exported = self.uv.run(command, folder=folder)
        name = f"the export of {requirements.lock.name}" if requirements.lock else ""
        lines = parse_requirements_txt(exported, name)
        return {line.text: line.hashes for line in lines if line.kind is LineKind.REQUIREMENT}

    def _with_hashes(
        self, pins: dict[str, frozenset[str]], requirements: Requirements, target: PythonTarget
    ) -> str:
        """A lock has none for files of an index that does not tell them, or of a folder."""
        if all(pins.values()):
            return render_lock(pins)
        exported = self._write("exported.txt", requirements.options, [*pins])
        folder = requirements.path.absolute().parent
        found = parse_lock(self._compile(target, exported, folder=folder))
        names = {name_of(pin) for pin in pins}
        return render_lock({pin: known for pin, known in found.items() if name_of(pin) in names})

    def _check_in_date(
        self, requirements: Requirements, of_what: Sequence[str], folder: Path
    ) -> None:
        try:
            self.uv.run(["lock", "--check", "--quiet", *of_what], folder=folder)
        except UvError as error:
            if "needs to be updated" not in error.said:
                raise
            name = requirements.lock.name if requirements.lock else ""
            script = f" --script '{requirements.path}'" if of_what else f" --project '{folder}'"
            raise BadInputError(
                f"{name} is older than {requirements.path.name}: they name other packages.",
                hint=f"Bring it up to date: uv lock{script}",
            ) from error

    def _write(self, name: str, *groups: Sequence[str]) -> Path:
        path = self.scratch / name
        path.write_text("".join(f"{line}\n" for group in groups for line in group), "utf-8")
        return path


def _heed_hashes(
    lock: dict[str, frozenset[str]], requirements: Requirements
) -> dict[str, frozenset[str]]:
    """Keep the hashes that the author has given: uv replaces them by those of the index."""
    heeded = {}
    for pin, hashes in lock.items():
        given = requirements.hashes.get(name_of(pin))
        heeded[pin] = hashes & given if given else hashes
        if given and not heeded[pin]:
            raise BadInputError(
                f"{pin} is not the file that {requirements.path.name} gives the hash of.",
                hint="Compare with the files on the index; if they are right, make the hashes "
                "anew: uv pip compile --generate-hashes",
            )
    return heeded
