"""Places in statements are marked where an editor shows them."""

import pytest

from selfserve.core.sql.problems import mark, sql_error


@pytest.mark.parametrize(
    ("text", "line", "column", "length", "expected"),
    [
        pytest.param("select a", 1, 8, 1, "  select a\n         ^", id="one-line"),
        pytest.param("select\n  abc", 2, 3, 3, "  " + "  abc\n" + "    ^^^", id="second-line"),
        pytest.param("\ta b", 1, 4, 1, "  \ta b\n  \t  ^", id="tabs-stay"),
        pytest.param("a\r\nbc\r\n", 2, 2, 1, "  bc\n   ^", id="line-ends-of-windows"),
        pytest.param("a\fb\u2028c\nd", 2, 1, 1, "  d\n  ^", id="form-feeds-end-no-line"),
        pytest.param("a\fb", 1, 3, 1, "  a b\n    ^", id="form-feeds-take-one-place"),
        pytest.param("abc", 1, 2, 9, "  abc\n   ^^", id="no-further-than-the-line"),
        pytest.param("abc", 1, 4, 1, "  abc\n     ^", id="behind-the-end"),
        pytest.param("abc", 2, 1, 1, "", id="no-such-line"),
        pytest.param("abc", 0, 1, 1, "", id="no-line"),
        pytest.param("abc", 1, 0, 1, "", id="no-column"),
        pytest.param("", 1, 1, 1, "", id="no-text"),
        pytest.param("abc\n", 2, 1, 1, "", id="an-empty-line"),
    ],
)  # fmt: skip
def test_the_place_is_under_its_line(
    text: str, line: int, column: int, length: int, expected: str
) -> None:
    assert mark(text, line=line, column=column, length=length) == expected


def test_an_error_says_the_place_even_if_it_cannot_be_shown() -> None:
    error = sql_error("no.", "select", line=3, column=1, hint="Mend it.")

    assert str(error) == "Line 3, column 1: no."
    assert error.hint == "Mend it."
