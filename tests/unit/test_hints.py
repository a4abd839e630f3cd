"""Commands in hints go where the user was."""

import pytest

from selfserve.cli.hints import with_target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Launch it with: selfserve up spark-ml", "Launch it with: selfserve up spark-ml --on aws"),
        ("See: selfserve status.", "See: selfserve status --on aws."),
        ("selfserve status --on local", "selfserve status --on local"),
        ("selfserve submit a.py -- --rank 1", "selfserve submit a.py --on aws -- --rank 1"),
        (
            "selfserve down x -y, then selfserve ls",
            "selfserve down x -y --on aws, then selfserve ls --on aws",
        ),
        ("Check with: selfserve profiles validate x", "Check with: selfserve profiles validate x"),
        ("aws sso login", "aws sso login"),
        ('See: selfserve sql "show tables"', 'See: selfserve sql "show tables" --on aws'),
        (
            "Run selfserve sql 'select a, b; x', or",
            "Run selfserve sql 'select a, b; x' --on aws, or",
        ),
        ("selfserve sql … --on local", "selfserve sql … --on local"),
        ("it's selfserve status", "it's selfserve status --on aws"),
    ],
)
def test_the_users_target_is_added(text: str, expected: str) -> None:
    assert with_target(text, "aws") == expected


def test_without_on_nothing_is_added() -> None:
    assert with_target("selfserve status", None) == "selfserve status"
