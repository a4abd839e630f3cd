"""Read a job's requirements from the inline metadata of a script or from a pyproject.toml.

Pure. Formats: https://peps.python.org/pep-0723/ and https://peps.python.org/pep-0621/
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfserve.core.inline_metadata import find_inline_metadata
from selfserve.core.requirements import Requirements, RequirementsKind, parse_requirement
from selfserve.errors import BadInputError


def parse_inline(script: str, path: Path) -> Requirements | None:
    """The inline metadata of a script (PEP 723); None where it has none.

    Raises:
        BadInputError: the block is there twice, is not closed, or says nonsense.
    """
    content = find_inline_metadata(script, path)
    if content is None:
        return None
    table = _Table(load_toml(content, path, where="the inline metadata"), path)
    return Requirements(
        RequirementsKind.INLINE,
        path,
        requires_python=table.requires_python(),
        dependencies=table.dependencies(),
        uv_settings=_uv_settings(table.content),
    )


def parse_project(document: Mapping[str, Any], path: Path) -> Requirements | None:
    """The [project] table of a pyproject.toml; None where there is none.

    Raises:
        BadInputError: it says nonsense.
    """
    project = document.get("project")
    if not isinstance(project, dict):
        return None
    table = _Table(project, path)
    return Requirements(
        RequirementsKind.PYPROJECT,
        path,
        requires_python=table.requires_python(),
        dependencies=table.dependencies(),
        uv_settings=_uv_settings(document),
    )


def _uv_settings(document: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: TOML
    tool = document.get("tool", {})
    settings = tool.get("uv", {}) if isinstance(tool, dict) else {}
    return settings if isinstance(settings, dict) else {}


def load_toml(text: str, path: Path, *, where: str = "") -> dict[str, Any]:
    """Parse TOML. Raises BadInputError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = f"{where} of {path}" if where else str(path)
        raise BadInputError(
            f"Cannot read {place}: {error}.", hint="See how TOML is written: https://toml.io"
        ) from error


@dataclass(frozen=True, slots=True)
class _Table:
    """A table with `requires-python` and `dependencies`: inline metadata or [project]."""

    content: Mapping[str, Any]  # Any: TOML
    path: Path

    def requires_python(self) -> str | None:
        found = self.content.get("requires-python")
        if found is not None and not isinstance(found, str):
            raise self._wrong("requires-python", 'requires-python = ">=3.9"')
        return found

    def dependencies(self) -> tuple[str, ...]:
        found = self.content.get("dependencies", [])
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            raise self._wrong("dependencies", 'dependencies = ["pandas>=2.2,<3"]')
        for text in found:
            parse_requirement(text, self.path.name)
        return tuple(found)

    def _wrong(self, key: str, example: str) -> BadInputError:
        return BadInputError(f"{self.path}: {key} has the wrong type.", hint=f"Write: {example}")
