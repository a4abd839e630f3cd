"""Find the modules that a script imports from beside it, without running anything.

Python puts a script's own folder first on its path, so a module there shadows an
installed one; only what is built into the interpreter cannot be shadowed.
"""

import ast
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from selfserve.errors import BadInputError

_IMPORTING_CALLS = frozenset({"import_module", "__import__"})


@dataclass(frozen=True, slots=True)
class Imported:
    """What one file imports: `a.b` for `import a.b`, and for `from a import b` (it may be one)."""

    absolute: frozenset[str]
    relative: frozenset[str]
    """Without the leading dots."""

    @property
    def all(self) -> frozenset[str]:
        """Both; for a file that is in no package, they mean the same."""
        return self.absolute | self.relative


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Something in the script's folder that Python could import."""

    path: Path
    is_namespace: bool = False
    """A folder without `__init__.py`: Python takes it only if nothing else has its name."""


def read_imports(script: Path) -> Imported:
    """Return what `script` imports.

    Raises:
        BadInputError: it cannot be read, or is not Python.
    """
    try:
        return _parse(script.read_bytes(), str(script))
    except OSError as error:
        raise BadInputError(
            f"Cannot read {script}: {error.strerror}.",
            hint=f"See who may read it: ls -l '{script}'",
        ) from error
    except SyntaxError as error:
        version = ".".join(str(part) for part in sys.version_info[:2])
        raise BadInputError(
            f"{script}:{error.lineno or 1}: {error.msg} (as Python {version} reads it).",
            hint=f"Check it: python -m py_compile '{script}'",
        ) from error
    except ValueError as error:
        raise BadInputError(
            f"{script} is not Python: {error}.", hint=f"See what it is: file '{script}'"
        ) from error


def find_local_modules(script: Path) -> tuple[str, ...]:
    """Return the names in the folder of `script` that it imports, sorted: `a.py`, `package`.

    Modules that those import are there too. A package is one name, and is meant whole.

    Raises:
        BadInputError: `script` cannot be read, or is not Python.
    """
    candidates = _candidates(script)
    found: dict[str, _Candidate] = {}
    wanted = [read_imports(script).all]
    while wanted:
        for name in _matching(wanted.pop(), candidates):
            found[name] = candidates.pop(name)
            wanted.extend(_imports_of(found[name], candidates))
    return tuple(sorted(candidate.path.name for candidate in found.values()))


def _candidates(script: Path) -> dict[str, _Candidate]:
    """What can be imported from beside `script`, by name, with Python's own precedence."""
    candidates: dict[str, _Candidate] = {}
    for path in sorted(script.parent.iterdir(), key=_precedence):
        name = path.stem if path.suffix == ".py" else path.name
        if path == script or not name.isidentifier() or name in sys.builtin_module_names:
            continue
        if path.is_dir():
            is_namespace = not (path / "__init__.py").is_file()
            candidates.setdefault(name, _Candidate(path, is_namespace))
        elif path.suffix == ".py":
            candidates.setdefault(name, _Candidate(path))
    return candidates


def _precedence(path: Path) -> int:
    if (path / "__init__.py").is_file():
        return 0
    return 1 if path.suffix == ".py" else 2


def _matching(imported: Iterable[str], candidates: dict[str, _Candidate]) -> set[str]:
    return {
        top
        for name in imported
        if (top := name.partition(".")[0]) in candidates and _is_meant(name, candidates[top])
    }


def _is_meant(name: str, candidate: _Candidate) -> bool:
    if not candidate.is_namespace:
        return True
    top, _, rest = name.partition(".")
    if top in sys.stdlib_module_names:
        return False
    first = rest.partition(".")[0]
    if not first:
        return any(candidate.path.glob("*.py"))
    return (candidate.path / f"{first}.py").is_file() or (candidate.path / first).is_dir()


def _imports_of(module: _Candidate, candidates: dict[str, _Candidate]) -> Iterator[frozenset[str]]:
    if not module.path.is_dir():
        yield _imports_in(module.path, candidates).all
        return
    for folder, folders, files in os.walk(module.path):
        folders[:] = [name for name in folders if name.isidentifier() and name != "__pycache__"]
        for name in files:
            if name.endswith(".py"):
                yield _imports_in(Path(folder, name), candidates).absolute


def _imports_in(file: Path, candidates: Iterable[str]) -> Imported:
    """What `file` imports; nothing, unless it has a candidate's name in it (parsing is slow)."""
    try:
        text = file.read_bytes()
        if any(name.encode() in text for name in candidates):
            return _parse(text, str(file))
    except (OSError, SyntaxError, ValueError):
        pass  # it may never be imported; if it is, the job says so itself
    return Imported(frozenset(), frozenset())


def _parse(text: bytes, name: str) -> Imported:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as an invalid escape: the job's own affair
        tree = ast.parse(text, name)
    absolute: set[str] = set()
    relative: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            absolute.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            (relative if node.level else absolute).update(_names_from(node))
        elif isinstance(node, ast.Call):
            absolute.update(_names_in_call(node))
    return Imported(frozenset(absolute), frozenset(relative))


def _names_from(node: ast.ImportFrom) -> Iterator[str]:
    prefix = f"{node.module}." if node.module else ""
    if node.module:
        yield node.module
    for alias in node.names:
        if alias.name != "*":
            yield prefix + alias.name


def _names_in_call(node: ast.Call) -> Iterator[str]:
    """`importlib.import_module("a.b")`, when the name is a literal."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    if name in _IMPORTING_CALLS and node.args and isinstance(node.args[0], ast.Constant):
        value = node.args[0].value
        if isinstance(value, str):
            yield value.lstrip(".")
