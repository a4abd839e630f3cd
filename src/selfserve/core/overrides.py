"""`--set a.b=c`: one value of a profile, changed for one launch.

Pure. The value is YAML, as in the file; the path is dotted, as `profiles show`
prints it, and knows which keys hold dots themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from selfserve.core.document import Path, Value, parse_value
from selfserve.errors import BadInputError

# How many keys of these sections are ours or EMR's; what follows is one key, dots and all.
_NAMED_BY_USERS = {"tags": 1, "vars": 1, "conf": 2}


@dataclass(frozen=True, slots=True)
class Override:
    """One value from the command line; `source` is the flag, for messages and origins."""

    path: str
    text: str
    source: str = "--set"

    def value(self) -> Value:
        """The value that the text means.

        Raises:
            ProfileError: the text is not a YAML value.
        """
        if self.text.lstrip().startswith("{{"):
            return self.text  # a template, not a map in a map; in a file it would be quoted
        return parse_value(self.text, f"{self.source} {self.path}={self.text}")


def parse_override(argument: str, *, source: str = "--set") -> Override:
    """Read `nodes.core.count=4`; the value may hold `=` itself.

    Raises:
        BadInputError: there is no `=`, or nothing before it.
    """
    path, equals, text = argument.partition("=")
    path = path.strip()
    if not equals or not all(path.split(".")):
        raise BadInputError(
            f"{source} {argument}: write a key of the profile, `=` and a value.",
            hint=f"For example: {source} nodes.core.count=4",
        )
    return Override(path=path, text=text, source=source)


def override_path(path: str, data: Mapping[str, Value]) -> Path:
    """Split `conf.spark-defaults.spark.sql.shuffle.partitions` where sections end.

    `data` is the profile so far: a property that is a map there (a nested
    classification such as `export`) is entered.
    """
    parts = path.split(".")
    keys = _NAMED_BY_USERS.get(parts[0])
    if keys is None or len(parts) <= keys:
        return tuple(parts)
    head, rest = parts[:keys], parts[keys:]
    return (*head, *_rest(head, rest, data))


def _rest(head: list[str], rest: list[str], data: Mapping[str, Value]) -> Path:
    node: Value | Mapping[str, Value] = data
    for key in (*head, rest[0]):
        node = node.get(key) if isinstance(node, Mapping) else None
    is_nested = isinstance(node, Mapping) or (head[0] == "conf" and rest[0] == "export")
    if is_nested and len(rest) > 1:
        return (rest[0], ".".join(rest[1:]))
    return (".".join(rest),)
