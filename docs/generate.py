"""Write the reference pages from the code: `python docs/generate.py`. A test keeps them current."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).parent / "reference"
_WIDTH = "100"


def pages() -> dict[str, str]:
    """File name below `docs/reference/` to its text."""
    return {"cli.md": cli_page(), "profile.md": profile_page()}


def cli_page() -> str:
    """Every command's help, as it prints it."""
    parts = [
        "# Command reference\n",
        "Generated from the program by `docs/generate.py`.\n",
        *(f"## `{' '.join(path)}`\n\n```text\n{_help(path[1:])}```\n" for path in _commands()),
    ]
    return "\n".join(parts)


def profile_page() -> str:
    """Every key of a profile, from the schema that validates it."""
    from selfserve.core.profile import Profile  # noqa: PLC0415  heavy, and only for this page

    schema = Profile.model_json_schema()
    parts = [
        "# Profile reference\n",
        "Generated from the schema by `docs/generate.py`; editors can use the schema itself:",
        "`selfserve profiles schema > selfserve-profile.schema.json`.\n",
        *_tables("The profile", schema, schema.get("$defs", {})),
    ]
    return "\n".join(parts) + "\n"


def _commands() -> Iterator[tuple[str, ...]]:
    from selfserve.cli.app import COMMANDS  # noqa: PLC0415  as above

    nested = {
        "profiles": ("list", "show", "validate", "schema"),
        "local": ("start", "stop", "status", "env", "reset"),
    }
    yield ("selfserve",)
    for name in COMMANDS:
        yield ("selfserve", name)
        yield from (("selfserve", name, verb) for verb in nested.get(name, ()))


def _help(arguments: tuple[str, ...]) -> str:
    from typer.testing import CliRunner  # noqa: PLC0415  as above

    from selfserve.cli.app import app  # noqa: PLC0415  as above

    os.environ["COLUMNS"] = os.environ["TERMINAL_WIDTH"] = _WIDTH
    done = CliRunner().invoke(app, [*arguments, "--help"], prog_name="selfserve")
    if done.exit_code != 0:
        raise RuntimeError(f"selfserve {' '.join(arguments)} --help: {done.output}")
    return done.stdout


def _tables(
    title: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]
) -> Iterator[str]:  # JSON Schema has no narrower type
    yield f"## {title}\n"
    if schema.get("description"):
        yield f"{schema['description']}\n"
    yield "| Key | Type | Default | Meaning |\n|---|---|---|---|"
    for key, entry in schema.get("properties", {}).items():
        default = entry.get("default")
        shown = "" if default in (None, {}, []) else f"`{default}`"
        meaning = " ".join(str(entry.get("description", "")).split()).replace("|", "\\|")
        yield f"| `{key}` | {_type(entry)} | {shown} | {meaning} |"
    yield ""
    for name, entry in definitions.items():
        if "properties" in entry:
            yield from _tables(name, entry, {})


def _type(entry: Mapping[str, Any]) -> str:
    if "$ref" in entry:
        return f"[{entry['$ref'].rsplit('/', 1)[1]}](#{entry['$ref'].rsplit('/', 1)[1].lower()})"
    if "anyOf" in entry:
        return " or ".join(_type(one) for one in entry["anyOf"] if one.get("type") != "null")
    if entry.get("type") == "array":
        return f"list of {_type(entry.get('items', {}))}"
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    return str(entry.get("type", "any"))


def main() -> None:
    """Write the pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
        print(f"docs/reference/{name}", file=sys.stderr)


if __name__ == "__main__":
    main()
