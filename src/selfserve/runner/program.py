"""Become the user's program: `python PATH`, `python -m MODULE`, or a function as a console script.

Within this process, so that what ends the program can be recorded; otherwise
as Python itself does it, down to __main__, sys.argv and sys.path.
"""

import builtins
import importlib.machinery
import os
import runpy
import sys
import types
from pathlib import Path
from typing import List

from .submission import FUNCTION, MODULE, Entry

_CONSOLE_SCRIPT = """\
import sys
from {module} import {name}

if __name__ == "__main__":
    sys.exit({function}())
"""

# Frames of these files stand before the user's own in every traceback.
LAUNCHERS = {__file__, runpy.__file__, "<frozen runpy>"}


def run_program(entry: Entry, args: List[str], *, code: Path, script: Path) -> None:
    """Run it to its end; raises what it raises.

    `code` is the folder that paths and modules are found in. `script` is a file to
    be written that starts a function.
    """
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main  # where pickle looks for the program's own functions
    if entry.kind == MODULE:
        _run_module(entry.target, args, code)
    elif entry.kind == FUNCTION:
        _write_console_script(entry.target, script)
        LAUNCHERS.add(str(script))
        _run_file(main, script, args, first_on_path=str(code))
    else:
        _run_path(main, Path(os.path.normpath(str(code / entry.target))), args)


def _run_path(main: types.ModuleType, path: Path, args: List[str]) -> None:
    if path.is_dir():
        sys.argv = [str(path), *args]
        sys.path[0] = str(path)
        _run_module_as_main("__main__", alter_argv=False)
    else:
        _run_file(main, path, args, first_on_path=str(path.parent))


def _run_file(main: types.ModuleType, path: Path, args: List[str], *, first_on_path: str) -> None:
    main.__file__ = str(path)
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", str(path))
    main.__dict__["__cached__"] = None
    sys.argv = [str(path), *args]
    sys.path[0] = first_on_path
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    exec(code, main.__dict__)  # noqa: S102  running the user's code is what we are for


def _run_module(name: str, args: List[str], code: Path) -> None:
    sys.argv = ["-m", *args]
    sys.path[0] = str(code)
    _run_module_as_main(name, alter_argv=True)


def _run_module_as_main(name: str, *, alter_argv: bool) -> None:
    # What `python -m` and `python FOLDER` call, in every CPython since 2.7. The public
    # functions of runpy take the module away again before exit handlers run.
    runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]  # noqa: SLF001


def _write_console_script(target: str, script: Path) -> None:
    """A file of its own, as pip would make it, so that multiprocessing can import it again."""
    module, _, function = target.partition(":")
    name = function.partition(".")[0]
    text = _CONSOLE_SCRIPT.format(module=module, name=name, function=function)
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(text, encoding="utf-8")
