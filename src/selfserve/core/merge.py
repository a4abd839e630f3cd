"""Put the layers of a profile on top of each other, and remember where each value is from.

Pure. Maps merge deeply; lists and scalars replace; `null` removes what a layer
below gave. Naming one of `spark`, `release` or `trino` replaces whichever of them
a layer below named, so that a child can pin its own versions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from selfserve.core.document import Document, Path, Value, dotted
from selfserve.core.overrides import Override, override_path
from selfserve.core.profile import PINS


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was given."""

    source: str
    line: int | None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


DEFAULT = Origin("default", None)


@dataclass(slots=True)
class Layers:
    """The merged data so far. Grows by `add_document` and `add_override`."""

    data: dict[str, Value] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    """Dotted path of every map, list, list item and scalar to where it was last given."""
    root: Origin = DEFAULT

    def add_document(self, document: Document) -> None:
        """Put a file on top."""
        self.root = Origin(document.source, None)
        self._drop_lower_pins(document.data)

        def origin(path: Path) -> Origin:
            return Origin(document.source, document.lines.get(dotted(path)))

        for path, value in _leaves(document.data):
            self._put(path, value, [origin(path[: end + 1]) for end in range(len(path))])
            for index in range(len(value) if isinstance(value, list) else 0):
                self.origins[dotted((*path, index))] = origin((*path, index))

    def add_override(self, override: Override) -> None:
        """Put one value from the command line on top; a map given there merges like a file's."""
        origin = Origin(override.source, None)
        base = override_path(override.path, self.data)
        value = override.value()
        if len(base) == 1:
            self._drop_lower_pins({str(base[0]): value})
        leaves = _leaves(value, base) if isinstance(value, dict) else [(base, value)]
        for path, leaf in leaves:
            self._put(path, leaf, [origin] * len(path))

    def place_of(self, path: str) -> str:
        """Where `path`, or the nearest above it, was given."""
        return str(self.origin_of(path) or self.root)

    def origin_of(self, path: str) -> Origin | None:
        """The origin of `path`, or of the nearest above it that has one."""
        while path:
            if path in self.origins:
                return self.origins[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return None

    def _drop_lower_pins(self, layer: Mapping[str, Value]) -> None:
        if any(layer.get(pin) is not None for pin in PINS):
            for pin in PINS:
                self._forget((pin,))
                self.data.pop(pin, None)

    def _put(self, path: Path, value: Value, origins: Sequence[Origin]) -> None:
        node: dict[str, Value] = self.data
        for depth, key in enumerate(path[:-1]):
            below = node.get(str(key))
            if not isinstance(below, dict):
                self._forget(path[: depth + 1])
                below = node[str(key)] = {}
            self.origins[dotted(path[: depth + 1])] = origins[depth]
            node = below
        self._forget(path)
        last = str(path[-1])
        if value is None and last in node:
            del node[last]
            return
        node[last] = value  # a null that removes nothing is left for the schema to judge
        self.origins[dotted(path)] = origins[-1]

    def _forget(self, path: Path) -> None:
        gone = dotted(path)
        below = (f"{gone}.", f"{gone}[")
        for known in [key for key in self.origins if key == gone or key.startswith(below)]:
            del self.origins[known]


def _leaves(value: Mapping[str, Value], path: Path = ()) -> Iterator[tuple[Path, Value]]:
    """Every value that replaces rather than merges: scalars, lists, null and empty maps."""
    for key, below in value.items():
        if isinstance(below, dict) and below:
            yield from _leaves(below, (*path, key))
        else:
            yield (*path, key), below
