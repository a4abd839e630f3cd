"""Write what an administrator needs to have the sweep run in AWS, without a laptop.

Files and commands only: AWS is not asked. What is written depends on the target and on
selfserve's version alone, so that writing it again shows whether anything has changed.
"""

import hashlib
import re
import shlex
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from selfserve.core.durations import format_duration
from selfserve.core.naming import S3_PREFIX
from selfserve.errors import BadInputError
from selfserve.usecases.sweeping.sweeper_code import sweeper_zip
from selfserve.usecases.targets.target import Place

_TEMPLATE = Path(__file__).parents[1] / "sweeper" / "template.yaml"
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_ALARM_AFTER = timedelta(minutes=30)
"""Longer than a sweep can take: Lambda ends it after 15 minutes."""


@dataclass(frozen=True, slots=True)
class Command:
    """A line to paste."""

    does: str
    """What it is for, in a few words."""
    line: str


@dataclass(frozen=True, slots=True)
class Installation:
    """What was written, and what to do with it."""

    template: Path
    """CloudFormation."""
    code: Path
    """The function's zip, named by its content."""
    stack: str
    commands: tuple[Command, ...]
    """Paste these, in this order."""
    also: tuple[Command, ...]
    """For later: to try it, to watch it, to remove it."""


def write_installation(place: Place, folder: Path, *, every: timedelta) -> Installation:
    """Write template and code for the sweep of this place into `folder`; repeatable.

    Raises:
        BadInputError: the place is no AWS target, `every` is no whole number of minutes up
            to an hour, or the folder cannot be written.
    """
    _check(place, every)
    code = sweeper_zip()
    name = f"sweeper-{hashlib.sha256(code).hexdigest()[:16]}.zip"
    text = render_template(
        bucket=place.bucket,
        installation=place.installation,
        code_key=f"{S3_PREFIX}sweeper/{name}",
        every=every,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(code)
        (folder / "template.yaml").write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInputError(
            f"Cannot write to {folder}: {error.strerror}.",
            hint="Name another folder: selfserve sweep --install --into FOLDER",
        ) from error
    return _installation(place, folder / "template.yaml", folder / name)


def render_template(*, bucket: str, installation: str, code_key: str, every: timedelta) -> str:
    """The CloudFormation template with these values filled in."""
    minutes = every // _MINUTE
    values = {
        "@bucket@": bucket,
        "@installation@": installation,
        "@code_key@": code_key,
        "@rate@": f"rate({minutes} minute{'' if minutes == 1 else 's'})",
        "@period@": format_duration(every),
        "@window_s@": str(max(3 * every, _ALARM_AFTER) // timedelta(seconds=1)),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    return re.sub(r"@[a-z_]+@", lambda marker: values[marker[0]], text)


def _check(place: Place, every: timedelta) -> None:
    if place.is_local:
        raise BadInputError(
            "The local target sweeps itself; there is nothing to install.",
            hint="For clusters on AWS: selfserve sweep --install --on aws",
        )
    if not _SHORTEST <= every <= _LONGEST or every % _MINUTE:
        raise BadInputError(
            f"A sweep every {format_duration(every)} cannot be installed.",
            hint="Say whole minutes, up to an hour: selfserve sweep --install --every 10m",
        )


def _installation(place: Place, template: Path, code: Path) -> Installation:
    stack = _stack_name(place.installation)
    at = ("--region", place.region)
    uploads = f"s3://{place.bucket}/{S3_PREFIX}sweeper/"
    deploy = ("deploy", *at, "--stack-name", stack, "--template-file", str(template))
    dry_run = ("--cli-binary-format", "raw-in-base64-out", "--payload", '{"dry_run": true}')
    patiently = ("--cli-read-timeout", "0")  # a sweep may take minutes; the AWS CLI waits for one
    return Installation(
        template=template,
        code=code,
        stack=stack,
        commands=(
            _aws("upload the code", "s3", "cp", str(code), f"{uploads}{code.name}", *at),
            _aws("install", "cloudformation", *deploy, "--capabilities", "CAPABILITY_IAM"),
        ),
        also=(
            _aws(
                "see what it would end",
                *("lambda", "invoke", *at, *patiently, "--function-name", stack),
                *(*dry_run, "/dev/stdout"),
            ),
            _aws("see what it does", "logs", "tail", *at, f"/aws/lambda/{stack}", "--follow"),
            _aws("remove it", "cloudformation", "delete-stack", *at, "--stack-name", stack),
            _aws(
                "remove what was uploaded; sweeps that are installed have copies of their own",
                *("s3", "rm", uploads, "--recursive", *at),
            ),
        ),
    )


def _aws(does: str, *words: str) -> Command:
    return Command(does, shlex.join(["aws", *words]))


def _stack_name(installation: str) -> str:
    """CloudFormation admits letters, digits and hyphens; Lambda 64 of them."""
    return "selfserve-sweep-" + re.sub(r"[^A-Za-z0-9-]", "-", installation)
