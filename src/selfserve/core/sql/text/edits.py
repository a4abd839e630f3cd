"""Change a text in places, and still know where each character of it came from. Pure."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from selfserve.core.sql.text.tokens import place_of


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` in place of what stands from `start` to `end`."""

    start: int
    end: int
    text: str


class Edited:
    """A text with some edits, which must not overlap."""

    def __init__(self, original: str, edits: Iterable[Edit]) -> None:
        self._original = original
        pieces: list[str] = []
        self._starts: list[int] = []
        self._origins: list[int] = []
        self._is_new: list[bool] = []
        length = at = 0
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
            if edit.start < at:
                raise ValueError("edits overlap")
            for piece, origin, is_new in (
                (original[at : edit.start], at, False),
                (edit.text, edit.end, True),
            ):
                self._note(length, origin, is_new=is_new)
                pieces.append(piece)
                length += len(piece)
            at = edit.end
        self._note(length, at, is_new=False)
        self.text = "".join([*pieces, original[at:]])

    def _note(self, start: int, origin: int, *, is_new: bool) -> None:
        self._starts.append(start)
        self._origins.append(origin)
        self._is_new.append(is_new)

    def original_place(self, line: int, column: int) -> tuple[int, int]:
        """Line and column of the original that became these; counted from 1.

        Of what is new, those of what comes after it.
        """
        offset = self._offset_of(line, column)
        piece = bisect_right(self._starts, offset) - 1
        origin = self._origins[piece]
        if not self._is_new[piece]:
            origin += offset - self._starts[piece]
        return place_of(self._original, min(origin, len(self._original)))

    def _offset_of(self, line: int, column: int) -> int:
        lines = self.text.splitlines(keepends=True)
        before = sum(map(len, lines[: line - 1]))
        return min(before + column - 1, len(self.text))
