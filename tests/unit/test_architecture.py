"""Facts about the code base itself: what loads what, what prints, what errors carry."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

import selfserve
from selfserve import errors
from selfserve.cli.app import COMMANDS, app

PACKAGE = Path(selfserve.__file__).parent
ROOT = PACKAGE.parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("boto3", "botocore", "pydantic", "jinja2", "rich", "yaml", "starlette", "httpx")

_REPORT_LOADED = f"""
import sys
try:
    {{statement}}
except SystemExit:
    pass
print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


def _name(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


def _loaded_by(statement: str) -> str:
    program = _REPORT_LOADED.format(statement=statement)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stderr.strip()


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    assert _loaded_by("import selfserve, selfserve.cli, selfserve.cli.app") == ""


def test_help_loads_nothing_heavy() -> None:
    run = "sys.argv = ['selfserve', '--help']; from selfserve.cli import main; main()"

    assert _loaded_by(run) == ""


def _commands() -> Iterator[tuple[str, Any]]:  # typer keeps the class of commands private
    group = get_command(app)
    context = typer.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)  # type: ignore[attr-defined]
        assert command is not None, f"{name} is registered and does not exist"
        yield name, command
        for nested_name, nested in getattr(command, "commands", {}).items():
            yield f"{name} {nested_name}", nested


@pytest.mark.parametrize(
    ("name", "command"), [pytest.param(*row, id=row[0]) for row in _commands()]
)
def test_every_command_has_a_help_line_and_an_example(name: str, command: Any) -> None:
    assert command.help
    first_line = command.help.splitlines()[0]
    assert first_line.endswith(".")
    assert len(first_line) <= 95
    assert f"Example: selfserve {name}" in command.help or 'Example: eval "$(' in command.help


@pytest.mark.parametrize(
    ("name", "command"), [pytest.param(*row, id=row[0]) for row in _commands()]
)
def test_every_command_takes_the_global_options(name: str, command: Any) -> None:
    options = [option for param in command.params for option in param.opts]

    for option in ("--on", "--output", "--quiet", "--verbose", "--debug", "--version"):
        assert options.count(option) == 1, f"{name} {option}"


def _errors() -> list[type[errors.SelfserveError]]:
    found = [errors.SelfserveError]
    for known in found:
        found.extend(known.__subclasses__())
    return found


@pytest.mark.parametrize("error", _errors(), ids=lambda error: error.__name__)
def test_every_error_has_a_hint_and_a_documented_exit_code(
    error: type[errors.SelfserveError],
) -> None:
    hint = inspect.signature(error.__init__).parameters["hint"]

    assert hint.kind is inspect.Parameter.KEYWORD_ONLY
    assert hint.default is inspect.Parameter.empty
    assert error.exit_code in {1, 2, 3, 4, 5, 6, 7, 130}
    assert error is errors.SelfserveError or error.exit_code != 1, "1 means a bug"


def test_the_help_documents_every_exit_code() -> None:
    text = str(get_command(app).help)

    for error in _errors():
        assert f" {error.exit_code} " in text


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_modules_are_small_and_well_named(module: Path) -> None:
    assert module.stem not in {"utils", "util", "helpers", "common", "misc"}
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 300


_MAY_PRINT = {
    "cli/output.py",
    "local/daemon.py",  # processes of their own, whose output is their log
    "local/lake/metastore_main.py",
}


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_only_the_output_module_prints(module: Path) -> None:
    name = _name(module)
    if name in _MAY_PRINT or name.startswith("runner/"):  # the runner is the job's own process
        return
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in {"print", "typer.echo", "typer.secho"}
        if isinstance(node, ast.Attribute) and node.attr == "write":
            assert ast.unparse(node.value) not in {"sys.stdout", "sys.stderr"}


def test_layers_are_kept() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run(
        [lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
