"""Read a profile's YAML: plain data plus the line of every key, and nothing that surprises.

Pure: text in, `Document` out. The YAML is composed into a node graph only; no
constructor runs, so no tag can create an object. What is refused or kept as
text, and why, stands beside the rule.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from selfserve.core.problems import Problem, ProfileError

# libyaml is several times faster; a PyYAML built without it has the Python loader only.
_Loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)

MAX_CHARS = 256 * 1024
MAX_VALUES = 20_000  # counted after aliases are followed, so an alias bomb stops here
MAX_DEPTH = 20

_TAG = "tag:yaml.org,2002:"
_WHOLE_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_TRUE = frozenset({"yes", "true", "on"})  # YAML 1.1, as PyYAML resolves it
# Kept as text: 3.50 must not become 3.5, 1:30 not ninety, 0123 not octal, a date no object.
_TEXT_TAGS = frozenset(_TAG + name for name in ("str", "float", "timestamp", "value"))

_HINT = "Check the file with: selfserve profiles validate {source}"

Path = tuple[str | int, ...]
Value: TypeAlias = "str | int | bool | list[Value] | dict[str, Value] | None"
"""What YAML can hold here, before the schema has seen it."""


@dataclass(frozen=True, slots=True)
class Document:
    """A profile's text as plain data: maps, lists, strings, whole numbers, booleans, null."""

    data: Mapping[str, Value]
    lines: Mapping[str, int]
    """Dotted path to the line of that key, or of that item of a list (`types[0]`)."""
    source: str


def dotted(path: Path) -> str:
    """`("nodes", "core", "types", 0)` as people write it: `nodes.core.types[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def parse_document(text: str, source: str) -> Document:
    """Parse a profile's text.

    Raises:
        ProfileError: with all that is wrong, each with its file, line and path. A syntax
            error hides what follows it.
    """
    reader = _Reader(source)
    root = reader.compose(text)
    data = reader.value(root, ()) if root is not None else {}
    if not isinstance(data, dict):
        if not reader.problems:
            reader.problem(root, (), f"a profile is a map of keys and values, not {_kind(data)}")
        raise _error(source, reader.problems)
    if reader.problems:
        raise _error(source, reader.problems)
    return Document(data=data, lines=reader.lines, source=source)


def parse_value(text: str, source: str) -> Value:
    """Parse one value as it could stand in a profile: `4`, `true`, `[m7g.xlarge]`.

    Raises:
        ProfileError: `text` is not a YAML value.
    """
    reader = _Reader(source, with_lines=False)
    root = reader.compose(text)
    value: Value = reader.value(root, ()) if root is not None else None
    if reader.problems:
        raise _error(source, reader.problems)
    return value


def _error(source: str, problems: list[Problem]) -> ProfileError:
    return ProfileError(source, problems, hint=_HINT.format(source=source))


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    return "a map" if isinstance(value, dict) else f"just {value!r}"


class _TooMuchError(Exception):
    """The document is larger than any profile; reading stops."""


class _Reader:
    """Walks the node graph of one document and collects every problem it meets."""

    def __init__(self, source: str, *, with_lines: bool = True) -> None:
        self.source = source
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._with_lines = with_lines
        self._values = 0

    def problem(self, node: yaml.Node | None, path: Path, text: str) -> None:
        line = f":{node.start_mark.line + 1}" if node is not None and self._with_lines else ""
        self.problems.append(Problem(f"{self.source}{line}", dotted(path), text))

    def compose(self, text: str) -> yaml.Node | None:
        if len(text) > MAX_CHARS:
            self.problem(None, (), f"longer than {MAX_CHARS // 1024} kB")
            raise _error(self.source, self.problems)
        try:
            if _depth(text) > MAX_DEPTH:
                self.problem(None, (), f"nested more than {MAX_DEPTH} deep")
            else:
                return yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            self.problems.append(self._syntax_problem(error))
        except yaml.YAMLError as error:
            self.problem(None, (), f"not YAML: {_one_line(error)}")
        raise _error(self.source, self.problems)

    def _syntax_problem(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        place = self.source
        if mark is not None and self._with_lines:
            place = f"{place}:{mark.line + 1}:{mark.column + 1}"
        what = " ".join(part for part in (error.context, error.problem) if part)
        return Problem(place, "", f"not YAML: {what}{_tab_hint(what)}")

    def value(self, node: yaml.Node, path: Path) -> Value:
        """The plain value of `node`; None where there is a problem, which is then recorded."""
        try:
            return self._value(node, path)
        except _TooMuchError:
            limits = f"more than {MAX_VALUES} values, or more than {MAX_DEPTH} deep"
            self.problem(node, path, f"{limits} (are anchors and aliases multiplying?)")
            return None

    def _value(self, node: yaml.Node, path: Path) -> Value:
        self._values += 1
        if self._values > MAX_VALUES or len(path) > MAX_DEPTH:
            raise _TooMuchError
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return self._sequence(node, path)
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return _SCALARS[node.tag](node.value)
        tag = node.tag.replace(_TAG, "!!")
        self.problem(node, path, f"the tag {tag} is not allowed; profiles hold plain values only")
        return None

    def _sequence(self, node: yaml.SequenceNode, path: Path) -> list[Value]:
        values: list[Value] = []
        for index, item in enumerate(node.value):
            self.lines[dotted((*path, index))] = item.start_mark.line + 1
            values.append(self._value(item, (*path, index)))
        return values

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in values:
                first = self.lines[dotted(here)]
                self.problem(key_node, here, f"given twice; the first is on line {first}")
                continue
            self.lines[dotted(here)] = key_node.start_mark.line + 1
            values[key] = self._value(value_node, here)
        return values

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if node.tag == _TAG + "merge":
            self.problem(node, path, "merge keys (<<) are not supported; use `extends`")
        elif not isinstance(node, yaml.ScalarNode):
            self.problem(node, path, "a key must be text; quote a {{ }} template")
        elif node.tag not in {_TAG + "str", _TAG + "float"}:
            self.problem(node, path, f"the key {node.value} must be text: write {node.value!r}")
        else:
            return str(node.value)
        return None


def _depth(text: str) -> int:
    """How deep the collections nest; libyaml's composer recurses and would overflow the stack."""
    depth = deepest = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            deepest = max(deepest, depth)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return deepest


def _whole_number(text: str) -> int | str:
    return int(text) if _WHOLE_NUMBER.fullmatch(text) and len(text) < 20 else text


_SCALARS: Mapping[str, Callable[[str], Value]] = {
    _TAG + "null": lambda _: None,
    _TAG + "bool": lambda text: text.lower() in _TRUE,
    _TAG + "int": _whole_number,
    **dict.fromkeys(_TEXT_TAGS, str),
}


def _tab_hint(what: str) -> str:
    return " (indent with spaces, not tabs)" if r"'\t'" in what else ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
