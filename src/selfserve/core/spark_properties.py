r"""Read a file of Spark's settings, as spark-submit's --properties-file and spark-defaults.conf.

Pure. The format is that of Java's `Properties.load`: `key value`, `key=value` or
`key: value`, comments after # or !, a backslash that joins lines or escapes a character.
https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/Properties.html
"""

import re
from collections.abc import Iterator

_PAIR = re.compile(r"((?:\\.|[^\\\s=:])+)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ENDS_IN_ESCAPE = re.compile(r"(?<!\\)(\\\\)*\\$")
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse_properties(text: str) -> tuple[tuple[str, str], ...]:
    """Every key with its value, in order; like Spark, without spaces around either."""
    found = (_PAIR.match(line) for line in _logical_lines(text))
    return tuple((_plain(pair[1]), _plain(pair[2]).strip()) for pair in found if pair)


def _logical_lines(text: str) -> Iterator[str]:
    begun = ""
    for raw in re.split("\r\n|\r|\n", text):
        line = raw.lstrip(" \t\f")
        if not begun and line[:1] in ("", "#", "!"):
            continue
        if not _is_whole(line):
            begun += line[:-1]
            continue
        yield begun + line
        begun = ""
    if begun:
        yield begun


def _is_whole(line: str) -> bool:
    return _ENDS_IN_ESCAPE.search(line) is None


def _plain(text: str) -> str:
    return _ESCAPE.sub(_unescape, text)


def _unescape(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return _CONTROL.get(escape[2], escape[2])
