"""What names mean at one place of a statement."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from selfserve.core.sql.translation.types import Type
from selfserve.core.sql.translation.values import Value


@dataclass(frozen=True, slots=True)
class Field:
    """A column that can be named: by `name`, and by `relation.name` if it has a relation."""

    name: str | None
    type: Type
    sql: str
    relation: tuple[str, ...] = ()
    """Such as ("hive", "sales", "films") or ("f",); lower case."""
    exact: bool = True

    def is_called(self, path: tuple[str, ...]) -> bool:
        """Whether `path`, in lower case, names it: the last parts of its whole name."""
        if self.name is None or self.name.lower() != path[-1]:
            return False
        qualifier = path[:-1]
        return not qualifier or self.relation[-len(qualifier) :] == qualifier

    def value(self) -> Value:
        """A reference to it."""
        return Value(self.sql, self.type, exact=self.exact)


@dataclass(frozen=True, slots=True)
class Scope:
    """Fields in their order, and the scope around; a subquery sees both."""

    fields: tuple[Field, ...] = ()
    parent: "Scope | None" = None

    def around(self) -> Iterator["Scope"]:
        """This one and those around, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def find(self, path: tuple[str, ...]) -> tuple[Field, ...]:
        """The fields that `path` may mean: none, one, or several if it is ambiguous."""
        for scope in self.around():
            found = tuple(field for field in scope.fields if field.is_called(path))
            if found:
                return found
        return ()

    def names(self) -> Iterable[str]:
        """All that could be meant, for suggestions."""
        return [field.name for scope in self.around() for field in scope.fields if field.name]

    def relations(self) -> Iterable[str]:
        """All relations that could be meant, for suggestions."""
        return [f.relation[-1] for scope in self.around() for f in scope.fields if f.relation]
