"""What is wrong with a profile: every problem with its place, all told at once.

Pure. The parser, the schema and the checks collect `Problem`s; people see one
`ProfileError` that lists them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from selfserve.errors import BadInputError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right."""

    place: str
    """Where it stands: `file:line`, or the flag that was given."""
    path: str
    """The key's dotted path, such as `nodes.core.count`; empty for the file as a whole."""
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.path, self.text) if part)


class ProfileError(BadInputError):
    """A profile cannot be used; `problems` says why, line by line."""

    def __init__(self, subject: str, problems: Sequence[Problem], *, hint: str) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{subject} cannot be used; it has {count}:\n{lines}", hint=hint)
