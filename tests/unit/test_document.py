"""What a profile's YAML may hold, and the one line that says why it may not."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfserve.core.document import MAX_CHARS, parse_document, parse_value
from selfserve.core.problems import ProfileError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: [1", "p.yaml:2:1: not YAML: ", id="syntax"),
        pytest.param("a: 1\n\tb: 2", "p.yaml:2:1: not YAML: ", id="tab"),
        pytest.param("a: 1\n---\nb: 2", "p.yaml:2:1: not YAML: ", id="two-documents"),
        pytest.param("a: *b", "p.yaml:1:4: not YAML: ", id="unknown-alias"),
        pytest.param("a: \0", "p.yaml: not YAML: ", id="control-character"),
        pytest.param(
            "a: 1\nb: 2\na: 3", "p.yaml:3: a: given twice; the first is on line 1", id="twice"
        ),
        pytest.param(
            "a: !!python/object/apply:os.system [ls]",
            "p.yaml:1: a: the tag !!python/object/apply:os.system is not allowed",
            id="python-tag",
        ),
        pytest.param("a: !Sub x", "p.yaml:1: a: the tag !Sub is not allowed", id="custom-tag"),
        pytest.param("a: !!binary aGk=", "p.yaml:1: a: the tag !!binary", id="binary"),
        pytest.param("a: !!set {b}", "p.yaml:1: a: the tag !!set", id="set"),
        pytest.param(BOMB, "more than 20000 values", id="alias-bomb"),
        pytest.param("a: &a [*a]", "aliases multiplying", id="endless-alias"),
        pytest.param("a: " + "[" * 50_000 + "]" * 50_000, "nested more than", id="deep"),
        pytest.param("a: " + "x" * MAX_CHARS, "longer than 256 kB", id="long"),
        pytest.param("- a", "is a map of keys and values, not a list", id="list"),
        pytest.param("hello", "is a map of keys and values, not just 'hello'", id="scalar"),
        pytest.param("on: 1", "p.yaml:1: the key on must be text: write 'on'", id="boolean-key"),
        pytest.param("a:\n  7: x", "p.yaml:2: a: the key 7 must be text", id="number-key"),
        pytest.param("[a]: 1", "p.yaml:1: a key must be text", id="list-key"),
        pytest.param("a: {{ user }}", "p.yaml:1: a: a key must be text; quote", id="bare-template"),
        pytest.param("<<: {a: 1}", "merge keys (<<) are not supported", id="merge-key"),
    ],
)
def test_bad_yaml_is_one_problem_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_document(text, "p.yaml")

    assert [problem in str(found) for found in caught.value.problems] == [True]
    assert "\n" not in str(caught.value.problems[0])
    assert caught.value.exit_code == 2
    assert "profiles validate" in caught.value.hint


def test_all_problems_of_a_document_come_at_once() -> None:
    text = "a: 1\na: 2\nb: !x y\n3: z"

    with pytest.raises(ProfileError) as caught:
        parse_document(text, "p.yaml")

    assert [found.place for found in caught.value.problems] == ["p.yaml:2", "p.yaml:3", "p.yaml:4"]
    assert "it has 3 problems" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("3.5.8", "3.5.8"),
        ("3.50", "3.50"),
        ("1e3", "1e3"),
        ("1:30", "1:30"),
        ("0123", "0123"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("9" * 30, "9" * 30),
        ("2026-11-21", "2026-11-21"),
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("", None),
        ("'yes'", "yes"),
        ("[a, 1]", ["a", 1]),
        ("{a: {b: c}}", {"a": {"b": "c"}}),
    ],
)
def test_scalars_keep_what_people_mean(text: str, value: object) -> None:
    assert parse_value(text, "--set a") == value


def test_every_key_and_item_knows_its_line() -> None:
    document = parse_document("a:\n  b: 1\n  c:\n  - x\n  - y\nd: {e: 2}\n", "p.yaml")

    assert document.lines == {
        "a": 1,
        "a.b": 2,
        "a.c": 3,
        "a.c[0]": 4,
        "a.c[1]": 5,
        "d": 6,
        "d.e": 6,
    }


def test_a_few_aliases_are_fine() -> None:
    document = parse_document("a: &types [x, y]\nb: *types\n", "p.yaml")

    assert document.data == {"a": ["x", "y"], "b": ["x", "y"]}


def test_an_empty_document_is_an_empty_map() -> None:
    assert parse_document("# nothing yet\n", "p.yaml").data == {}


@settings(deadline=None)  # CI machines pause
@given(st.text(max_size=200))
def test_no_text_makes_the_parser_fail_otherwise(text: str) -> None:
    with suppress(ProfileError):
        parse_document(text, "p.yaml")
