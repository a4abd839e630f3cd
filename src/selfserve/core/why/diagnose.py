"""Choose the rule that explains the evidence, and say it. Pure.

Many rules may match one failure: an executor that the kernel kills also loses
its tasks, fails the stage and raises in the driver. The deepest wins: causes
before consequences before symptoms; then what the job ended with before what a
log tells of the way there; then the rule's rank.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from selfserve.core.evidence import Evidence
from selfserve.core.why.quotes import LINE_CHARS, collect_quotes
from selfserve.core.why.redact import redact
from selfserve.core.why.rules import Look, Rule
from selfserve.core.why.texts import Text, job_stderr, to_texts
from selfserve.core.why.tracebacks import users_place
from selfserve.core.why.unknown import likeliest_lines
from selfserve.core.why.verdict import UNKNOWN, Names, Quote, Verdict

_VALUE_CHARS = 300
_BEFORE_CHARS = 80


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that fits, and the words that it was found by."""

    rule: Rule
    text: Text
    start: int
    end: int
    groups: Mapping[str, str]

    @property
    def depth(self) -> tuple[int, bool, int]:
        """The greatest explains the others."""
        return self.rule.level, self.text.is_final, self.rule.rank


def diagnose(evidence: Evidence, rules: Sequence[Rule], names: Names | None = None) -> Verdict:
    """Say why something failed; `unknown` with the likeliest lines when no rule explains it.

    The caller knows that it failed: rules are not asked whether.
    """
    names = names or Names()
    texts = to_texts(evidence)
    matches = list(_matches(texts, rules))
    if not matches:
        return _unknown(evidence, texts, names)
    chosen = max(matches, key=lambda match: match.depth)
    context = _context(evidence, names)
    values = {**context, **chosen.rule.defaults, **chosen.groups}
    matched = (chosen.text, _matched_line(chosen))
    return Verdict(
        kind=chosen.rule.id,
        cause=redact(_fill(chosen.rule.cause, values)),
        quotes=_clean(collect_quotes(evidence, texts, matched, chosen.rule.also_quote)),
        next_step=redact(_fill(chosen.rule.next, values)),
        command=_command(chosen.rule, values, names.path),
    )


def find_matches(evidence: Evidence, rules: Sequence[Rule]) -> list[Match]:
    """Every rule that fits, the one that explains the others first."""
    found = _matches(to_texts(evidence), rules)
    return sorted(found, key=lambda match: match.depth, reverse=True)


def _matches(texts: Sequence[Text], rules: Sequence[Rule]) -> Iterator[Match]:
    for rule in rules:
        match = _match(rule, texts)
        if match is not None:
            yield match


def _match(rule: Rule, texts: Sequence[Text]) -> Match | None:
    found = next(filter(None, (_find(look, texts) for look in rule.any)), None)
    if found is None or any(_find(look, texts) for look in rule.unless):
        return None
    groups = dict(found[1])
    for look in rule.all:
        more = _find(look, texts)
        if more is None:
            return None
        groups |= more[1]
    text, _, (start, end) = found
    return Match(rule, text, start, end, groups)


_Found = tuple[Text, dict[str, str], tuple[int, int]]


def _find(look: Look, texts: Sequence[Text]) -> _Found | None:
    """The first time in what the job ended with; the last time in a log."""
    for text in texts:
        if text.place not in look.places:
            continue
        last = None
        for last in look.regex.finditer(text.text):  # noqa: B007  the last one is what counts
            if text.is_final:
                break
        if last is not None:
            groups = {name: value for name, value in last.groupdict().items() if value}
            return text, groups, last.span()
    return None


def _context(evidence: Evidence, names: Names) -> dict[str, str]:
    job = evidence.job or "the job"
    stderr = job_stderr(evidence)
    place = users_place(evidence.traceback) or (users_place(stderr.text) if stderr else None)
    return {
        "job": job,
        "at": place or job,
        "run": names.run,
        "cluster": names.cluster,
        "cluster_id": names.cluster_id,
        "profile": names.profile,
        "exit_code": "unknown" if evidence.exit_code is None else str(evidence.exit_code),
        "signal": evidence.signal or "no signal",
    }


def _fill(template: str, values: Mapping[str, str]) -> str:
    short = {name: _short(value) for name, value in values.items()}
    return " ".join(template.format_map(short).split())


def _command(rule: Rule, values: Mapping[str, str], path: str | None) -> str | None:
    """The rule's command; what was read from logs cannot become another command."""
    if rule.command is None:
        return None
    quoted = {name: shlex.quote(redact(_short(value))) for name, value in values.items()}
    if path is not None:
        quoted["job"] = shlex.quote(path)
    return " ".join(rule.command.format_map(quoted).split())


def _short(value: str) -> str:
    text = " ".join(value.split())
    return text if len(text) <= _VALUE_CHARS else f"{text[: _VALUE_CHARS - 1]}…"


def _matched_line(match: Match) -> str:
    """The line in which what was found begins; of a very long one the part from there on."""
    text = match.text.text
    start = text.rfind("\n", 0, match.start) + 1
    end = text.find("\n", match.start)
    line = text[start : end if end >= 0 else None]
    before = match.start - start
    if len(line) <= LINE_CHARS or before <= _BEFORE_CHARS:
        return line.removeprefix(": ")
    cut = line.find(" ", before - _BEFORE_CHARS)
    return f"…{line[cut if 0 <= cut < before else before :]}"


def _unknown(evidence: Evidence, texts: Sequence[Text], names: Names) -> Verdict:
    lines = likeliest_lines(texts)
    seen = "; the likeliest lines are below" if lines else ""
    return Verdict(
        kind=UNKNOWN,
        cause=f"No rule knows why {evidence.job or 'it'} failed{seen}.",
        quotes=_clean([*collect_quotes(evidence, texts, None), *lines]),
        next_step="Read all that it has written.",
        command=f"selfserve logs {names.run} --stderr",
    )


def _clean(quotes: Sequence[Quote]) -> tuple[Quote, ...]:
    return tuple(
        Quote(quote.source, quote.name, tuple(redact(line) for line in quote.lines))
        for quote in quotes
    )
