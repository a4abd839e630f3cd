"""The rules: what a failure looks like, what it means, what helps. Pure; data in `rules/*.yaml`.

A rule is data, so that one is added without knowing the engine. Everything that
can be wrong in it (a bad pattern, a name in braces that no pattern finds) is
found when it is loaded; a test loads them all.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from selfserve.core.why.texts import Place

ERROR_PLACES = (Place.EXCEPTION, Place.JOB_LOG, Place.DRIVER_LOG, Place.EXECUTOR_LOG)
"""`in: error`: wherever Python, Spark or Hadoop report an error of the job's."""

CONTEXT = frozenset({"job", "at", "run", "cluster", "cluster_id", "profile", "exit_code", "signal"})
"""What a template may name besides its patterns' groups."""


class Level(IntEnum):
    """How far down a rule sees: what is deeper explains what is above it."""

    SYMPTOM = 0
    """The job has ended so; the reason is elsewhere, if anywhere."""
    CONSEQUENCE = 1
    """Something else has led to this, which may be known or not."""
    CAUSE = 2


def _to_places(value: object) -> object:
    if value == "error":
        return ERROR_PLACES
    return [value] if isinstance(value, str) else value


def _to_level(value: object) -> object:
    return Level[value.upper()] if isinstance(value, str) else value


def _compile(pattern: str) -> str:
    try:
        _regex(pattern)
    except re.error as error:
        raise ValueError(f"{pattern} is not a regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compile)]
Places = Annotated[tuple[Place, ...], BeforeValidator(_to_places), Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Look(_Strict):
    """A pattern and the places where it is looked for, line by line (`^` and `$` are a line's)."""

    places: Places = Field(default=ERROR_PLACES, alias="in")
    pattern: Pattern

    @property
    def regex(self) -> re.Pattern[str]:
        """The pattern, compiled once."""
        return _regex(self.pattern)

    @property
    def groups(self) -> frozenset[str]:
        """Names that it gives to what it finds."""
        return frozenset(self.regex.groupindex)


class Rule(_Strict):
    """One kind of failure."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
    family: str
    level: Annotated[Level, BeforeValidator(_to_level)] = Level.CAUSE
    rank: int = Field(default=50, ge=0, le=100)
    """Among rules of one level: the higher one says more."""
    any: tuple[Look, ...] = Field(min_length=1)
    """One of these must be found."""
    all: tuple[Look, ...] = ()
    """And all of these."""
    unless: tuple[Look, ...] = ()
    """And none of these."""
    defaults: Mapping[str, str] = {}
    """What a name stands for when no pattern has found it."""
    even_if_cancelled: bool = False
    """Whether it may be why somebody has lost patience with a job."""
    cause: str
    next: str
    command: str | None = None
    """What stands in braces is quoted for the shell."""
    also_quote: tuple[Place, ...] = ()
    """Logs whose likeliest line belongs to the evidence, whatever matched."""

    @model_validator(mode="after")
    def _templates_can_be_filled(self) -> "Rule":
        given = CONTEXT | set(self.defaults) | frozenset.intersection(*(k.groups for k in self.any))
        for look in self.all:
            given |= look.groups
        for template in filter(None, (self.cause, self.next, self.command)):
            for _, name, spec, conversion in Formatter().parse(template):
                if name is not None and (name not in given or spec or conversion):
                    raise ValueError(f"{self.id}: {{{name}}} is not found by every pattern")
        return self


@cache
def load_rules() -> tuple[Rule, ...]:
    """Every rule that ships with selfserve.

    Raises:
        ValueError: a rule is wrong, or two have one id.
    """
    folder = files("selfserve.core.why").joinpath("rules")
    texts = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir()}
    return parse_rules({name: text for name, text in texts.items() if name.endswith(".yaml")})


def parse_rules(texts: Mapping[str, str]) -> tuple[Rule, ...]:
    """The rules in files of these names and texts; a file's name is its rules' family.

    Raises:
        ValueError: a rule is wrong, or two have one id.
    """
    rules = [rule for name in sorted(texts) for rule in _parse_file(name, texts[name])]
    ids = [rule.id for rule in rules]
    twice = {rule_id for rule_id in ids if ids.count(rule_id) > 1}
    if twice:
        raise ValueError(f"more than one rule is called {', '.join(sorted(twice))}")
    return tuple(rules)


def _parse_file(name: str, text: str) -> Iterator[Rule]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Any: YAML is whatever was written; the model says what it must be.
    rows: Sequence[Mapping[str, Any]] = yaml.load(text, Loader=loader)  # noqa: S506  a safe loader, in C
    family = name.removesuffix(".yaml")
    for row in rows:
        yield Rule.model_validate({"family": family, **_with_places(row)})


def _with_places(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write a rule out: a pattern by itself is looked for where the rule's own `in` says."""
    whole = dict(row)
    places = whole.pop("in", "error")
    for key in ("any", "all", "unless"):
        looks = whole.get(key, ())
        whole[key] = [{"in": places, "pattern": k} if isinstance(k, str) else k for k in looks]
    return whole


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)
