"""Say in people's words why uv found or installed no packages for a job."""

import re
from collections.abc import Callable
from dataclasses import replace

from selfserve.core.program import PythonTarget
from selfserve.core.python_target import in_words
from selfserve.errors import BadInputError, NoAnswerError, SelfserveError
from selfserve.packing.uv_tool import UvError

Probe = Callable[[str, PythonTarget], str | None]
"""The `name==version` that a requirement gives for a target; None when there is no wheel."""

_NEWEST_PYTHON, _NEWEST_LINUX = "3.11", "manylinux_2_34"
"""Of EMR's releases: Python 3.11 on Amazon Linux 2023."""
_SAID_LIMIT = 500

_NAME = r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)"
_VERSION = r"(?P<version>(\[[^\]]*\])?[=<>!~][^ ]*)?"
_NO_WHEEL = re.compile(
    rf"(?:Because|because|and) (?:all versions of )?{_NAME}{_VERSION} (?:has|have) no "
    r"(?:usable wheels|wheels|compatible wheels)"
)
_NOT_THERE = re.compile(rf"{_NAME} was not found in the (?:package registry|provided)")
_NO_VERSION = re.compile(rf"there (?:is|are) no versions? of {_NAME}{_VERSION}")
_BAD_HASH = re.compile(rf"Hash mismatch for `{_NAME}{_VERSION}`")
_FULL = re.compile(r"No space left on device|Disk quota exceeded|os error (28|122)\b")
_OFFLINE = re.compile(r"network was disabled")
_LOGIN = re.compile(
    r"\b(401 Unauthorized|403 Forbidden|407 Proxy)|lack of valid authentication|"
    r"(Missing|Invalid) credentials"
)
_NO_ANSWER = re.compile(
    r"error sending request|Failed to fetch|Failed to download|dns error|Request failed after|"
    r"operation timed out|tls handshake|invalid peer certificate"
)
_CONFLICT = re.compile(r"No solution found")


def explain(error: UvError, target: PythonTarget, probe: Probe) -> SelfserveError:
    """The error for people; `probe` is asked only where a wheel is missing."""
    said = condense(error.said)
    if _FULL.search(said):
        return BadInputError(
            "There is no space left to install the job's packages.",
            hint="Free some space, or choose another folder: export SELFSERVE_CACHE=/path",
        )
    if missing := list(_NO_WHEEL.finditer(said)):
        # One that has no wheel in any version is why; the others are only named on the way.
        why = next((match for match in missing if not match["version"]), missing[0])
        return _no_wheel(why, target, probe, said)
    if found := _BAD_HASH.search(said):
        return BadInputError(
            f"What the index has as {found['name']}{found['version'] or ''} is not the file "
            "that the lock gives the hash of.",
            hint="If that is right, make the lock anew: uv lock --upgrade-package "
            f"{found['name']}; or submit with --upgrade",
        )
    return (
        _index_trouble(said)
        or _no_solution(said)
        or BadInputError(
            f"uv could not get the job's packages: {said[:_SAID_LIMIT]}",
            hint="See: https://docs.astral.sh/uv/reference/troubleshooting/",
        )
    )


def condense(said: str) -> str:
    """What uv said, on one line, without its preamble and its hints."""
    text = " ".join(said.split())
    text = re.sub(r"^.*?\berror: ", "", text)
    text = re.sub(
        r"(No solution found when resolving dependencies)[^:]*:? ?(cause:)?", r"\1:", text
    )
    return text.strip()


def _index_trouble(said: str) -> SelfserveError | None:
    if _OFFLINE.search(said):
        return BadInputError(
            "The job's packages are not all on this machine, and uv may not use the network.",
            hint="Go online once: unset UV_OFFLINE",
        )
    if _LOGIN.search(said):
        return BadInputError(
            f"The package index wants other credentials: {_first_url(said)}.",
            hint="Put them into ~/.netrc or, for an index named N, into UV_INDEX_N_USERNAME "
            "and UV_INDEX_N_PASSWORD.",
        )
    if _NO_ANSWER.search(said) and not _CONFLICT.search(said):
        return NoAnswerError(
            f"The package index does not answer: {_first_url(said)}.",
            hint="Check the network; a proxy is named by HTTPS_PROXY, "
            "an index by UV_DEFAULT_INDEX.",
        )
    return None


def _first_url(said: str) -> str:
    found = re.search(r"https?://[^\s`')]+", said)
    return found[0] if found else said[:_SAID_LIMIT]


def _no_solution(said: str) -> SelfserveError | None:
    if found := _NOT_THERE.search(said):
        return BadInputError(
            f"There is no package {found['name']} on the package index.",
            hint="Check how it is spelt; a private index is named by UV_INDEX or "
            "UV_DEFAULT_INDEX. It may also be a module of your own: put it beside the job.",
        )
    if found := _NO_VERSION.search(said):
        wanted = f"{found['name']}{found['version'] or ''}"
        return BadInputError(
            f"There is no version {wanted}: {_cause(said)}",
            hint=f"See which there are: https://pypi.org/project/{found['name']}/#history",
        )
    if _CONFLICT.search(said):
        return BadInputError(
            f"The job's packages do not go together: {_cause(said)}",
            hint="Widen one of the versions that are named above.",
        )
    return None


def _cause(said: str) -> str:
    cause = said.partition("No solution found when resolving dependencies:")[2].strip() or said
    cause = cause.partition(" hint: ")[0]
    cause = cause.replace(", we can conclude that your requirements are unsatisfiable", "")
    cause = cause.strip()
    return cause if len(cause) <= _SAID_LIMIT else f"{cause[:_SAID_LIMIT]}…"


def _no_wheel(
    missing: re.Match[str], target: PythonTarget, probe: Probe, said: str
) -> BadInputError:
    name, version = missing["name"], missing["version"] or ""
    wanted = f"{name}{version}"
    asking = re.search(rf"([A-Za-z0-9._-]+)\S* depends? on {re.escape(name)}\b", said)
    needed = f"; {asking[1]} needs it" if asking and f"you require {name}" not in said else ""
    return BadInputError(
        f"{wanted} has no wheel for {in_words(target)}, and only wheels are shipped{needed}.",
        hint=_what_helps(name, version, target, probe),
    )


def _what_helps(name: str, version: str, target: PythonTarget, probe: Probe) -> str:
    wanted = f"{name}{version}"
    if version and (other := probe(name, target)):
        return f"Take a version that has one: {other}"
    for elsewhere in _other_targets(target):
        if probe(wanted, elsewhere):
            return f"There is one for {in_words(elsewhere)}: choose such nodes or such a release."
    return (
        "Build one, which works if it is pure Python, and let it be found: "
        f"uvx pip wheel --no-deps -w wheels '{wanted}'; export UV_FIND_LINKS=$PWD/wheels"
    )


def _other_targets(target: PythonTarget) -> list[PythonTarget]:
    """The same release on the other CPU, then the newest release on both."""
    cpu, _, linux = target.platform.partition("-")
    if not linux.startswith("manylinux"):
        return []
    cpus = (cpu, "x86_64" if cpu == "aarch64" else "aarch64")
    newest = [PythonTarget(_NEWEST_PYTHON, f"{one}-{_NEWEST_LINUX}") for one in cpus]
    others = [replace(target, platform=f"{cpus[1]}-{linux}"), *newest]
    return [other for other in dict.fromkeys(others) if other != target]
