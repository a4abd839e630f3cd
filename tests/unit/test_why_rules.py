"""The rules as data: everything that can be wrong in one is found when it is loaded."""

import pytest
from pydantic import ValidationError

from selfserve.core.why.rules import ERROR_PLACES, Level, Rule, load_rules, parse_rules
from selfserve.core.why.texts import Place

GOOD = """\
- id: disk-full
  any: ['(?P<what>No space left on device)']
  cause: 'A disk is full: {what} ({at}).'
  next: 'Use a larger one.'
"""


def test_a_rule_needs_little() -> None:
    (rule,) = parse_rules({"storage.yaml": GOOD})

    assert rule.family == "storage"
    assert rule.level is Level.CAUSE
    assert rule.any[0].places == ERROR_PLACES


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(GOOD.replace("device)", "device"), "missing \\)", id="bad-pattern"),
        pytest.param(GOOD.replace("{what}", "{which}"), "{which} is not found", id="unknown-name"),
        pytest.param(GOOD.replace("{what}", "{what!r}"), "is not found", id="conversion"),
        pytest.param(GOOD.replace("next:", "then:"), "then", id="unknown-key"),
        pytest.param(GOOD + "  in: kitchen\n", "kitchen|Input should be", id="unknown-place"),
        pytest.param(GOOD + "  rank: 101\n", "rank", id="rank"),
        pytest.param(GOOD.replace("disk-full", "Disk Full"), "id", id="id"),
        pytest.param(GOOD + GOOD, "more than one rule is called disk-full", id="twice"),
    ],
)
def test_a_bad_rule_is_refused(text: str, problem: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=problem):
        parse_rules({"storage.yaml": text})


def test_a_name_that_only_some_patterns_find_needs_a_default() -> None:
    with_two = GOOD.replace("device)']", "device)', 'ENOSPC']")

    with pytest.raises(ValidationError, match="is not found by every pattern"):
        parse_rules({"storage.yaml": with_two})

    (rule,) = parse_rules({"storage.yaml": with_two + "  defaults: {what: 'ENOSPC'}\n"})
    assert rule.defaults == {"what": "ENOSPC"}


def test_the_rules_that_ship_are_of_several_families() -> None:
    families = {rule.family for rule in load_rules()}

    assert families == {
        "configuration", "emr_launch", "executors", "memory", "packaging", "python", "sql",
        "storage",
    }  # fmt: skip


def test_rules_for_launches_look_at_the_cluster_only() -> None:
    for rule in load_rules():
        if rule.family == "emr_launch":
            assert {place for look in rule.any for place in look.places} == {Place.CLUSTER}, rule.id


@pytest.mark.parametrize("rule", load_rules(), ids=lambda rule: rule.id)
def test_texts_are_sentences_and_commands_one_line(rule: Rule) -> None:
    assert rule.next.rstrip().endswith((".", "()")), rule.next
    assert rule.cause[0].isupper() or rule.cause[0] == "{"
    assert rule.command is None or rule.command.split()[0] in {"selfserve", "aws", "uv", "uvx"}
