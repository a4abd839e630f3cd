"""Secrets do not leave the runner, whatever pieces the output comes in."""

import base64
import json
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfserve.runner.redaction import Redactor

SECRET = 'pa$$ w"ørd\\/+42'


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(SECRET, id="plain"),
        pytest.param(json.dumps({"p": SECRET}), id="json"),
        pytest.param(json.dumps({"p": SECRET}, ensure_ascii=False), id="json-utf8"),
        pytest.param(repr([SECRET]), id="python"),
        pytest.param(f"https://x/?p={quote_plus(SECRET)}", id="url"),
        *(
            pytest.param(base64.b64encode(f"{user}:{SECRET}!".encode()).decode(), id=f"b64-{user}")
            for user in ("u", "us", "use")
        ),
    ],
)
def test_a_secret_is_found_as_programs_write_it(written: str) -> None:
    redacted = Redactor([SECRET]).text(written)

    assert "***" in redacted
    assert len(redacted) < len(written) - 10


@pytest.mark.parametrize(
    ("values", "text", "expected"),
    [
        pytest.param(["short"], "short", "short", id="too-short"),
        pytest.param(["secret", "secretive"], "a secretive b", "a *** b", id="longer-first"),
        pytest.param(["secret"], "secretsecret", "******", id="twice"),
        pytest.param(["line one\nline two\nend"], "x line two", "x ***", id="one-line"),
        pytest.param(["line one\nline two\nend"], "line one\nline two\nend!", "***!", id="whole"),
        pytest.param([" padded value\n"], "padded value", "***", id="stripped"),
        pytest.param([], "nothing secret", "nothing secret", id="none"),
    ],
)
def test_values_are_masked(values: list[str], text: str, expected: str) -> None:
    assert Redactor(values).text(text) == expected


@given(
    values=st.lists(st.text("ab\n", min_size=6, max_size=9), min_size=1, max_size=3),
    pieces=st.lists(st.text("ab\n", max_size=12), max_size=12),
)
def test_pieces_make_no_difference(values: list[str], pieces: list[str]) -> None:
    redactor = Redactor(values)
    stream = redactor.stream()

    passed = b"".join([*(stream.feed(piece.encode()) for piece in pieces), stream.end()])

    assert passed.decode() == redactor.text("".join(pieces))


def test_only_the_beginning_of_a_secret_is_held_back() -> None:
    stream = Redactor(["sesame-opens"]).stream()

    assert stream.feed(b"line one\n") == b"line one\n"
    assert stream.feed(b"say sesa") == b"say "
    assert stream.feed(b"lt\n") == b"sesalt\n"
    assert stream.feed(b"say sesame-") == b"say "
    assert stream.feed(b"opens\n") == b"***\n"
    assert stream.feed(b"ses") == b""
    assert stream.end() == b"ses"
