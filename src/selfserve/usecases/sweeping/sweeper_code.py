"""Pack the code that AWS Lambda needs to sweep, so that the same modules give the same bytes.

Those of selfserve's modules that the handler may come to import: of other packages the
sweep needs none but botocore, which Lambda's Python has. That one is some months old, so
the description of EMR's API of the botocore that is installed here goes along.
"""

import ast
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import botocore

import selfserve

ENTRY_POINT = "selfserve.sweeper.handler"

_ROOT = Path(selfserve.__file__).parents[1]
_EMR_API = Path(botocore.__file__).parent / "data" / "emr"
_DATA = "botocore-data"
"""Where AWS_DATA_PATH points botocore to, in the zip."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier time
_READABLE_FILE = 0o100644 << 16


def sweeper_zip() -> bytes:
    """A zip with the handler and all that it imports; not compressed, as zlibs differ."""
    files = {path.relative_to(_ROOT).as_posix(): path for path in sweeper_modules().values()}
    for path in (path for path in _EMR_API.rglob("*.json*") if path.is_file()):
        files[f"{_DATA}/emr/{path.relative_to(_EMR_API).as_posix()}"] = path
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _LONG_AGO)
            member.create_system = 3  # Unix, whatever this machine is
            member.external_attr = _READABLE_FILE  # Lambda reads it as another user
            archive.writestr(member, files[name].read_bytes())
    return written.getvalue()


def sweeper_modules() -> dict[str, Path]:
    """The handler's module and those that it may import, at once or later, by their names."""
    found: dict[str, Path] = {}
    waiting = [ENTRY_POINT]
    while waiting:
        name = waiting.pop()
        path = _path_of(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting.append(name.rpartition(".")[0])  # the package, which is imported before
        waiting.extend(_imported_by(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _path_of(name: str) -> Path | None:
    """The file of one of our modules; None for other packages, and for names in a module."""
    if name.partition(".")[0] != "selfserve":
        return None
    path = _ROOT.joinpath(*name.split("."))
    return next(
        (one for one in (path.with_suffix(".py"), path / "__init__.py") if one.exists()), None
    )


def _imported_by(node: ast.AST) -> Iterator[str]:
    """What may be a module, of all import statements that are not there for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        yield from _imported_by(child)
