"""A call of a function, and signatures: argument types, DuckDB's text, the result's type."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.translation.env import Env
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import Type, parse_type
from selfserve.core.sql.translation.values import Value, coerced, is_coercible


@dataclass(frozen=True, slots=True)
class Call:
    """A function as it was called."""

    env: Env
    name: str
    """In lower case."""
    node: exp.Expr
    arguments: Sequence[exp.Expr]

    def values(self) -> list[Value]:
        """All arguments, translated."""
        return [self.env.value(argument) for argument in self.arguments]

    def some(self, least: int, most: int | None = None) -> list[Value]:
        """The arguments, translated.

        Raises:
            SqlError: They are too few or too many.
        """
        if not least <= len(self.arguments) <= (least if most is None else most):
            raise self.wrong(f"{self.name} does not take {len(self.arguments)} arguments")
        return self.values()

    def constant(self, index: int, what: str) -> str | int | float:
        """The literal that argument `index` has to be.

        Raises:
            UnsupportedHereError: It is no literal.
        """
        if index < len(self.arguments):
            value = self.env.value(self.arguments[index]).constant
            if value is not None:
                return value
        raise unsupported(f"{self.name} with {what} that is not a literal")

    def wrong(self, what: str) -> SqlError:
        """An error at the function's name."""
        return self.env.wrong(what, self.node)

    def mismatch(self, values: Sequence[Value]) -> SqlError:
        """The arguments have types that the function does not take."""
        shown = ", ".join(str(value.type) for value in values)
        return self.wrong(f"{self.name} does not take ({shown})")


FunctionRule = Callable[[Call], Value]


@dataclass(frozen=True, slots=True)
class Signature:
    """Argument types, and what DuckDB makes of them."""

    takes: tuple[Type, ...]
    sql: str
    gives: Type

    def accepts(self, values: Sequence[Value]) -> bool:
        """Whether Trino would coerce the values to these types."""
        return len(values) == len(self.takes) and all(
            is_coercible(value.type, type_) for value, type_ in zip(values, self.takes, strict=True)
        )

    def applied(self, values: Sequence[Value]) -> Value:
        """The call."""
        pairs = zip(values, self.takes, strict=True)
        arguments = [coerced(value, type_).sql for value, type_ in pairs]
        return Value(self.sql.format(*arguments), self.gives)


def signature(takes: str, gives: str, sql: str) -> Signature:
    """Types are separated by blanks."""
    return Signature(tuple(map(parse_type, takes.split())), sql, parse_type(gives))


def by_signatures(*signatures: Signature) -> FunctionRule:
    """A function with these signatures; the first that accepts the arguments is taken."""

    def rule(call: Call) -> Value:
        values = call.values()
        for candidate in signatures:
            if candidate.accepts(values):
                return candidate.applied(values)
        raise call.mismatch(values)

    return rule
