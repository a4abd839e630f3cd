"""What the bootstrap actions of a request ask for, as far as the local target keeps it too.

Pure. The scripts do not run here: they are for EMR's nodes, as root. What selfserve's own
two are there for, an end at a given age and a beat in S3, is done by the local target.
"""

import re
from collections.abc import Iterator, Sequence

from selfserve.core.checks import BUSY_PROBE_SCRIPT, MAX_AGE_SCRIPT
from selfserve.local.control.records import Json


def max_age_s(request: Json) -> int | None:
    """The SECONDS of max-age.sh in a RunJobFlow request; None if there is no such action."""
    for arguments in _arguments_of(MAX_AGE_SCRIPT, request):
        if arguments and re.fullmatch(r"[1-9][0-9]{0,11}", arguments[0]):
            return int(arguments[0])
    return None


def beats_uri(request: Json) -> str | None:
    """The BEATS_URI of busy-probe.py in a RunJobFlow request; None if there is no such action."""
    for arguments in _arguments_of(BUSY_PROBE_SCRIPT, request):
        if arguments and re.fullmatch(r"s3://[^/]+/(.*/)?", arguments[0]):
            return arguments[0]
    return None


def _arguments_of(script: str, request: Json) -> Iterator[Sequence[str]]:
    for action in request.get("BootstrapActions", ()):
        config = action["ScriptBootstrapAction"]
        if config["Path"].rpartition("/")[2] == script:
            yield config.get("Args", ())
