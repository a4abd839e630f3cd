"""Replace secrets by *** in everything that leaves the runner.

A safety net for a job that prints its secrets by mistake, not a wall: a job can
always print them in a form that is not known here.
"""

import base64
import json
import re
from typing import Iterable, Iterator, List, Optional, Set
from urllib.parse import quote, quote_plus

MASK = b"***"
SHORTEST = 6  # characters; a shorter value would blacken innocent text


class Redactor:
    """Knows the secrets, as they stand and as JSON, Python, URLs and base64 write them."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms: Set[bytes] = set()
        for value in values:
            forms.update(_forms(value))
        # Of two secrets that begin alike, the longer one must be tried first.
        self.forms: List[bytes] = sorted(forms, key=len, reverse=True)
        self.regex = re.compile(b"|".join(re.escape(form) for form in self.forms))

    def redact(self, data: bytes) -> bytes:
        """`data` without secrets."""
        # `in` is far faster than the search for all of them, which is nearly never needed.
        if not any(form in data for form in self.forms):
            return data
        return self.regex.sub(MASK, data)

    def text(self, text: str) -> str:
        """`text` without secrets."""
        return self.redact(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def stream(self) -> "RedactedStream":
        """For output that comes in pieces."""
        return RedactedStream(self)


class RedactedStream:
    """Redacts output as it comes, whatever pieces a secret is cut into.

    Passes on everything at once but an end that may be the beginning of a secret.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take a piece; return what can be passed on."""
        if not self._redactor.forms:
            return chunk
        data, self._held = self._held + chunk, b""
        start, passed = 0, []
        while True:
            undecided = self._undecided(data, start)
            match = self._search(data, start)
            if match is None or match.start() >= undecided:
                passed.append(data[start:undecided])
                self._held = data[undecided:]
                return b"".join(passed)
            passed += [data[start : match.start()], MASK]
            start = match.end()

    def end(self) -> bytes:
        """Nothing more comes; return what was held."""
        held, self._held = self._held, b""
        return self._redactor.redact(held)

    def _search(self, data: bytes, start: int) -> Optional["re.Match[bytes]"]:
        if not any(data.find(form, start) >= 0 for form in self._redactor.forms):
            return None
        return self._redactor.regex.search(data, start)

    def _undecided(self, data: bytes, start: int) -> int:
        """Where the end begins that more output may make a secret; len(data) if nowhere."""
        first = len(data)
        for form in self._redactor.forms:
            position = data.find(form[:1], max(start, len(data) - len(form) + 1))
            while 0 <= position < first:
                if form.startswith(data[position:]):
                    first = position
                    break
                position = data.find(form[:1], position + 1)
        return first


def _forms(value: str) -> Iterator[bytes]:
    """Every way of writing `value` that is looked for."""
    value = value.strip()
    for line in {value, *(line.strip() for line in value.splitlines())}:
        if len(line) < SHORTEST:
            continue
        yield line.encode("utf-8", "surrogateescape")
        if "\n" in line or line == value:
            yield from _encoded(line)


def _encoded(value: str) -> Iterator[bytes]:
    raw = value.encode("utf-8", "surrogateescape")
    yield json.dumps(value)[1:-1].encode("ascii")
    yield json.dumps(value, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape")
    yield repr(value)[1:-1].encode("utf-8", "surrogateescape")
    yield quote(raw, safe="").encode("ascii")
    yield quote(raw).encode("ascii")
    yield quote_plus(raw).encode("ascii")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            # Three bytes make four characters, so inside a longer text, such as
            # user:password, there are three ways; only whole characters count.
            encoded = encode(b"\0" * before + raw)
            bits = 8 * (before + len(raw))
            yield encoded[-(-8 * before // 6) : bits // 6]
