"""Users and passwords that stand in URLs. Pure, and quick to load."""

import re

_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")


def holds_credentials(url: str) -> bool:
    """Whether a user or a password is in it."""
    return _IN_URL.search(url) is not None


def without_credentials(text: str) -> str:
    """`text` with the user and password of every URL left out."""
    return _IN_URL.sub("***@", text)
