"""`selfserve sweep --install`: write what runs the sweep in AWS, and say how to install it."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from selfserve.cli.options import Invocation
from selfserve.core.durations import to_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfserve.usecases.sweep_install import Command

FOLDER = Path("selfserve-sweep")
"""Where it is written unless `--into` says otherwise."""


def install(this: Invocation, folder: Path, *, every: timedelta) -> None:
    """Write the files; the commands go to stdout, as they are there to be pasted.

    Raises:
        BadInputError: see `usecases.sweep_install.write_installation`.
    """
    from selfserve.usecases.sweep_install import write_installation

    place = this.targets.place(this.on)
    written = write_installation(place, folder, every=every)
    if this.output.as_json:
        this.output.json(
            {
                "stack": written.stack,
                "template": str(written.template),
                "code": str(written.code),
                "commands": _to_json(written.commands),
                "also": _to_json(written.also),
            }
        )
        return
    this.output.say(
        f"Wrote {written.template} and {written.code.name}: a sweep of {place.label} every "
        f"{to_words(every)}, without a laptop. Nothing was changed in AWS. With an "
        "administrator's credentials, paste:"
    )
    _show(this, written.commands)
    this.output.say("Later:")
    _show(this, written.also)


def _show(this: Invocation, commands: "Sequence[Command]") -> None:
    for command in commands:
        this.output.line(f"# {command.does}\n{command.line}\n")


def _to_json(commands: "Sequence[Command]") -> list[dict[str, str]]:
    return [{"does": command.does, "command": command.line} for command in commands]
