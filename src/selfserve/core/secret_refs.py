"""Secrets by reference: `NAME=REFERENCE` as users write it. Pure.

Somebody may paste the secret itself where a reference belongs. So nothing that is
refused here is repeated: neither in the message, nor in the hint.
"""

import re
from collections.abc import Sequence

from selfserve.core.program import JobKind, SecretRef
from selfserve.errors import BadInputError

_ARN = r"arn:aws[a-z-]*"
_PLACE = r"[a-z]{2}(-[a-z]+)+-\d:\d{12}"
"""A region and an account."""
_REFERENCES = (
    re.compile(rf"{_ARN}:secretsmanager:{_PLACE}:secret:[\w/+=.@!-]+(#\S+)?", re.ASCII),
    re.compile(rf"{_ARN}:ssm:{_PLACE}:parameter/[\w/.-]+", re.ASCII),
    re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/\S+"),
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONVENTIONAL = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_TAKEN = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|TZ|LANG|LC_.*|LD_.*|DYLD_.*|CLASSPATH|MALLOC_.*"
    r"|(JAVA|_JAVA|JDK_JAVA|JVM|PYTHON|PYSPARK|SPARK|HADOOP|YARN|HIVE|CONTAINER|APPLICATION"
    r"|SELFSERVE)(_.*)?|PYTHON.*"
)
_FORMS = (
    "A reference is an ARN of Secrets Manager (with #KEY for one key of its JSON), "
    "an ARN of an SSM parameter, or an s3:// URI."
)
_HOW = (
    f"{_FORMS} Make one: aws secretsmanager create-secret --name my-secret "
    "--secret-string file://secret.txt and write: --secret NAME=ARN"
)


def parse_secrets(texts: Sequence[str]) -> tuple[SecretRef, ...]:
    """Read every `NAME=REFERENCE`.

    Raises:
        BadInputError: one cannot be read, or two have the same name.
    """
    secrets = tuple(map(parse_secret, texts))
    names = [secret.name for secret in secrets]
    for name in names:
        if names.count(name) > 1:
            raise BadInputError(
                f"--secret {name} is given twice.", hint="Give each secret a name of its own."
            )
    return secrets


def parse_secret(text: str) -> SecretRef:
    """Read `NAME=REFERENCE`: an environment variable of the job, and where its value is kept.

    Raises:
        BadInputError: it is something else; it is not repeated, since it may be the secret.
    """
    name, _, reference = text.partition("=")
    if not any(known.fullmatch(reference) for known in _REFERENCES):
        # A secret in base64 may end with =, so that its text looks like a name.
        named = f" {name}" if _CONVENTIONAL.fullmatch(name) and len(reference) > 2 else ""
        raise BadInputError(
            f"--secret{named} takes NAME=REFERENCE, and what was given has no reference. "
            "It is not repeated here, since it may be the secret itself.",
            hint=_HOW,
        )
    if not _NAME.fullmatch(name):
        raise BadInputError(
            f"--secret: {name!r} cannot be the name of an environment variable.",
            hint="Use letters, digits and underscores: --secret DB_PASSWORD=…",
        )
    if _TAKEN.fullmatch(name):
        raise BadInputError(
            f"--secret {name} would change how the job itself is started.",
            hint=f"Choose a name of your own: --secret MY_{name.strip('_')}=…",
        )
    if name.startswith("AWS_"):
        raise BadInputError(
            f"--secret {name} would take the place of the cluster's own role in all that the "
            "job does.",
            hint=f"Choose another name, and hand its value to the one client that needs it: "
            f"--secret MY_{name}=…",
        )
    return SecretRef(name, reference)


def check_secrets(secrets: Sequence[SecretRef], kind: JobKind, job: str) -> None:
    """Refuse secrets for jobs that no runner surrounds.

    Raises:
        BadInputError: there are some.
    """
    if secrets and kind is not JobKind.PYTHON:
        raise BadInputError(
            f"Only Python jobs take secrets, and {job} is a .{kind} job.",
            hint="Let the cluster's role read what it needs, and submit it without --secret.",
        )
