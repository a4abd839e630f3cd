"""What a translation knows while it walks through a statement, and who translates what."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlglot import exp

from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.tables import Table
from selfserve.core.sql.translation.places import part_name, unsupported, wrong, wrong_at
from selfserve.core.sql.translation.scope import Field, Scope
from selfserve.core.sql.translation.types import Type, duckdb_type
from selfserve.core.sql.translation.values import Value, text_literal


@dataclass(slots=True)
class Statement:
    """One statement, and what was found in it so far."""

    text: str
    find: Callable[[str, str], Table | None]
    known_tables: Callable[[str], Sequence[str]]
    default_schema: str
    parameters: Mapping[str, str]
    tables: dict[str, Table] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """Names of relations in DuckDB's text; each once, so that no scope hides another."""
    views: tuple[str, ...] = ()
    """That are being expanded."""

    def unique(self, name: str) -> str:
        """A name like `name` that no relation has yet."""
        found, number = name, 2
        while found.lower() in self.taken:
            found, number = f"{name}_{number}", number + 1
        self.taken.add(found.lower())
        return found


@dataclass(frozen=True, slots=True)
class WithQuery:
    """A query named in WITH."""

    sql_name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Env:
    """One place of a statement."""

    statement: Statement
    scope: Scope = field(default_factory=Scope)
    ctes: Mapping[str, WithQuery] = field(default_factory=dict)
    variables: Mapping[str, Value] = field(default_factory=dict)
    """Of lambdas."""
    in_try: bool = False
    """Whether errors become NULL: DuckDB's TRY takes no volatile function, and error() is one."""

    outermost: bool = False
    """Whether the result is shown, so that its types have to be exact."""

    def inside(self) -> "Env":
        """Within the outermost query."""
        return replace(self, outermost=False) if self.outermost else self

    def at(self, scope: Scope) -> "Env":
        """Another place."""
        return replace(self, scope=scope)

    def wrong(self, what: str, node: exp.Expr | None, **more: str) -> SqlError:
        """An error at `node`."""
        return wrong(what, self.statement.text, node, **more)

    def wrong_text(self, what: str, shown: str, *, hint: str) -> SqlError:
        """An error at the first place of a word, for what sqlglot gives no place."""
        text = self.statement.text
        found = re.search(rf"{re.escape(shown)}\b", text)
        start, end = (found.start(), found.end() - 1) if found else (-1, -1)
        return wrong_at(what, text, start, end, hint=hint)

    def value(self, node: exp.Expr) -> Value:
        """The translation of an expression."""
        found = _RULES.get(type(node))
        if found is None:
            raise unsupported(_called(node))
        rule, parts = found
        for key, value in node.args.items():
            if value and key not in parts:
                raise unsupported(f"{_called(node)} ({part_name(key)})")
        return rule(self, node)

    def translates(self, node: exp.Expr) -> bool:
        """Whether there is a rule for this kind of expression."""
        return type(node) in _RULES

    def trying(self) -> "Env":
        """Inside TRY."""
        return replace(self, in_try=True)

    def give_up(self, what: str) -> str:
        """An expression that fails because DuckDB might give another value than Trino here.

        Raises:
            UnsupportedHereError: Inside TRY, which would make it NULL, and so an answer.
        """
        if self.in_try:
            raise unsupported(f"{what} inside TRY")
        return f"error({text_literal(f'The embedded engine does not do {what}.')})"

    def fail(self, message: str, type_: Type) -> str:
        """An expression of this type that fails when it is evaluated."""
        if self.in_try and type_.base == "varchar":
            return f"CAST(CAST({text_literal(message)} AS INTEGER) AS VARCHAR)"
        if self.in_try:
            return f"CAST({text_literal(message)} AS {duckdb_type(type_)})"
        return f"error({text_literal(message)})"


Rule = Callable[[Env, exp.Expr], Value]
_RULES: dict[type[exp.Expr], tuple[Rule, frozenset[str]]] = {}
N = TypeVar("N", bound=exp.Expr)
_PARTS = ("this", "expression", "expressions")


def translates(
    *kinds: type[N], parts: Sequence[str] = _PARTS
) -> Callable[[Callable[[Env, N], Value]], Callable[[Env, N], Value]]:
    """Make a function the one that translates these kinds of expressions.

    An expression with other `parts` than these is refused: none may be overlooked.
    """

    def register(rule: Callable[[Env, N], Value]) -> Callable[[Env, N], Value]:
        for kind in kinds:
            _RULES[kind] = (rule, frozenset(parts))  # type: ignore[assignment]
        return rule

    return register


# where the name of sqlglot's class says nothing to people
_NAMES: dict[type[exp.Expr], str] = {
    exp.HexString: "binary literals such as X'AB01'",
    exp.UnicodeString: "strings such as U&'\\00e9'",
    exp.National: "strings such as N'abc'",
    exp.ParseJSON: "JSON literals (json_parse)",
    exp.GroupConcat: "LISTAGG",
    exp.RegexpLike: "this operator of regular expressions (use regexp_like)",
    exp.Concat: "strings side by side (use ||)",
}


def _called(node: exp.Expr) -> str:
    if type(node) in _NAMES:
        return _NAMES[type(node)]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", type(node).__name__)
    shown = node.sql("trino")
    return f"{words.upper()}: {shown if len(shown) <= 60 else shown[:57] + '...'}"
