"""The inline metadata of a script (PEP 723): whether there is some, and its text. Pure.

https://packaging.python.org/specifications/inline-script-metadata/
"""

import re
from pathlib import Path

from selfserve.errors import BadInputError

# The reference implementation's expression, from PEP 723.
_BLOCK = re.compile(
    r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$", re.MULTILINE
)
_START = re.compile(r"^# /// script\s*$", re.MULTILINE)
_START_IN_BYTES = re.compile(rb"^(?:\xef\xbb\xbf)?# /// script\s*$", re.MULTILINE)
"""A file may begin with a mark of its encoding."""


def has_inline_metadata(script: bytes) -> bool:
    """Whether a script has inline metadata, well-formed or not. Cheap."""
    return _START_IN_BYTES.search(script) is not None


def find_inline_metadata(script: str, path: Path) -> str | None:
    """The TOML in a script's inline metadata; None where it has none.

    Raises:
        BadInputError: the block is there twice, or is not closed.
    """
    text = script.replace("\r\n", "\n")
    blocks = [match for match in _BLOCK.finditer(text) if match["type"] == "script"]
    if len(blocks) > 1:
        raise BadInputError(
            f"{path} has {len(blocks)} blocks of inline metadata; one is allowed.",
            hint=f"See where they are: grep -n '^# /// script' '{path}'",
        )
    if not blocks:
        _require_none(text, path)
        return None
    lines = blocks[0]["content"].splitlines()
    return "\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)


def _require_none(text: str, path: Path) -> None:
    found = _START.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise BadInputError(
            f"{path}:{line}: the inline metadata is not closed by a line '# ///', "
            "or a line in between does not begin with '# '.",
            hint="See how it should look: https://peps.python.org/pep-0723/",
        )
