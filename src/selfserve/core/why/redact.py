"""Take secrets out of lines that people are shown. Pure.

It errs towards hiding: a verdict is pasted into tickets and chats.
"""

import re

HIDDEN = "[redacted]"

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END[^\n]*|\Z)")
_ACCESS_KEY_ID = re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}\b")
_JSON_WEB_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_USER_IN_URL = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
_SIGNED = re.compile(r"(?i)(?<=[?&])(X-Amz-(?:Signature|Credential|Security-Token))=[^&\s\"']+")
# A reference to a secret is none: where it is wrong, people must see it.
_NAMED = re.compile(
    r"""(?ix) (?P<name> [\w.-]* (?:secret|passw(?:or)?d|pwd|token|api[_.-]?key|access[_.-]?key
        |signature|credentials?|authorization) [\w.-]* ["']?)
        (?P<is> \s*=\s*["']? | \s*:\s*["'] | \s*:\s*(?=(?:bearer|basic)\s|\S{16})
            | \s+(?!\(?(?:s3://|arn:))(?=\S{24}) )
        (?: (?:bearer|basic)\s+ )? (?P<value> (?!\[redacted\]) [^\s"',;&)\]}]{4,} )"""
)
# AWS's secret access keys have 40 characters; session tokens some hundred.
_LOOKS_SECRET = re.compile(
    r"(?<![\w/+=.-])(?:[A-Za-z0-9/+]{40}|[A-Za-z0-9/+]{100,}={0,2})(?![\w/+=.-])"
)
_HEX = re.compile(r"[0-9a-fA-F]+")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def redact(text: str) -> str:
    """`text` without what looks like a key, a token or a password, or moves a terminal's cursor."""
    text = _CONTROL.sub("", text)
    text = _PRIVATE_KEY.sub(HIDDEN, text)
    for pattern in (_ACCESS_KEY_ID, _JSON_WEB_TOKEN, _USER_IN_URL):
        text = pattern.sub(HIDDEN, text)
    text = _SIGNED.sub(rf"\1={HIDDEN}", text)
    text = _NAMED.sub(rf"\g<name>\g<is>{HIDDEN}", text)
    return _LOOKS_SECRET.sub(_hide_if_mixed, text)


def _hide_if_mixed(found: re.Match[str]) -> str:
    """Keep checksums and plain words: a key has letters of both cases, and digits."""
    word = found[0]
    is_mixed = any(map(str.islower, word)) and any(map(str.isupper, word))
    is_key = is_mixed and any(map(str.isdigit, word)) and not _HEX.fullmatch(word)
    return HIDDEN if is_key else word
