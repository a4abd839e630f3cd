"""Templates in a profile's text: `{{ user }}`, `{{ vars.name }}`, jinja2's filters.

Pure. They stand in string values only, after YAML and the schema have done their
work, so a value can never become structure. The sandbox and the fixed set of
names are all that a template can reach.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.problems import Problem

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment

NAMES: Mapping[str, str] = {
    "user": "who launches",
    "team": "the team in the target's settings",
    "region": "the AWS region",
    "account": "the AWS account id",
    "bucket": "the target's bucket",
    "installation": "the installation's name",
    "profile": "the profile's name",
    "name": "the cluster's name",
    "launch_id": "unique to this launch",
    "max_age_seconds": "shutdown.max_age in seconds",
    "vars": "the profile's own `vars`",
}
"""Every name that a template may use, and what it means."""

FILTERS = (
    *("capitalize", "default", "first", "int", "join", "last", "length", "lower"),
    *("replace", "string", "title", "trim", "truncate", "upper"),
)
"""Every filter that a template may use: none can make much out of little."""

_VARS = re.compile(r"\bvars\.([A-Za-z_][A-Za-z0-9_]*)")
_EXPRESSIONS_ONLY = "templates are values in {{ }}: no {% %} statements, no arithmetic with *"


def is_template(text: str) -> bool:
    """Whether jinja2 would change anything."""
    return "{{" in text or "{%" in text or "{#" in text


class Templates:
    """Renders text; collects what goes wrong instead of stopping at the first."""

    def __init__(
        self, values: Mapping[str, Any]
    ) -> None:  # Any: strings, and `vars`, a map of them
        self.problems: list[Problem] = []
        self._values = values

    def render(self, text: str, *, place: str, path: str) -> str:
        """`text` with its templates filled in; unchanged where there is a problem."""
        if not is_template(text):
            return text
        if "{%" in text or "*" in text:
            self.problems.append(Problem(place, path, f"{text!r}: {_EXPRESSIONS_ONLY}"))
            return text
        from jinja2.exceptions import (  # noqa: PLC0415  costs 90 ms; most text has no template
            SecurityError,
            TemplateError,
        )

        try:
            return _compile(text).render(self._values)
        except SecurityError as error:
            reason = f"not allowed: {error}"
        except TemplateError as error:
            reason = self._reason(text, error)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"  # what a filter was given made no sense
        self.problems.append(Problem(place, path, f"{text!r}: {reason}"))
        return text

    def _reason(self, text: str, error: Exception) -> str:
        unknown = sorted(names_in(text) - set(NAMES))
        if unknown:
            return f"unknown name {unknown[0]!r}{did_you_mean(unknown[0], NAMES)}"
        own = self._values.get("vars", {})
        for name in _VARS.findall(text):
            if name not in own:
                return f"`vars` has no {name!r}{did_you_mean(name, own)}"
        unset = sorted(names_in(text) - set(self._values))
        if unset:
            return f"{unset[0]} ({NAMES[unset[0]]}) is not set for this target"
        return str(error)


def names_in(text: str) -> frozenset[str]:
    """The names that the templates in `text` use; none when jinja2 cannot parse it."""
    if not is_template(text):
        return frozenset()
    from jinja2 import TemplateSyntaxError, meta  # noqa: PLC0415  see above

    try:
        return frozenset(meta.find_undeclared_variables(_environment().parse(text)))
    except TemplateSyntaxError:
        return frozenset()  # rendering tells what is wrong, and where


@lru_cache(maxsize=1024)
def _compile(text: str) -> "Template":
    """A launch fills every template in twice: with its own id, and for its fingerprint."""
    return _environment().from_string(text)


@cache
def _environment() -> "SandboxedEnvironment":
    from jinja2 import StrictUndefined  # noqa: PLC0415  see above
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    return environment
