"""Commands in talk, made fit to be pasted. Pure."""

import re

_ON_A_TARGET = "up|submit|status|ls|runs|logs|result|cancel|why|down|sweep|plan|sql|queries"
_WORD = r"""(?:"[^"]*"|'[^']*'|[^\s;,&|()"'])+"""
_COMMAND = re.compile(rf"selfserve (?:{_ON_A_TARGET})\b(?: {_WORD})*")


def with_target(text: str, on: str | None) -> str:
    """Add the `--on` that the user gave to every command in `text` that would need it."""
    if on is None:
        return text
    return _COMMAND.sub(lambda found: _add(found[0], on), text)


def _add(command: str, on: str) -> str:
    if "--on" in command.split():
        return command
    options, separator, arguments = command.partition(" -- ")
    stop = "." if not separator and options.endswith(".") else ""
    return f"{options.removesuffix(stop)} --on {on}{stop}{separator}{arguments}"
