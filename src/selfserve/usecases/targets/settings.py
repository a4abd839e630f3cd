"""What the user has configured: the configuration file, overridden by the environment.

The file is `config.yaml` in the user's configuration folder (SELFSERVE_CONFIG
names another):

    default: aws
    targets:
      aws:     {region: eu-west-1, bucket: my-team, team: ranking}
      staging: {region: eu-west-1, bucket: my-team-staging, installation: staging}

`--on aws` is the entry `aws`; `--on aws:staging` is the entry `staging`.
"""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from selfserve.core.naming import to_name_part
from selfserve.errors import BadInputError
from selfserve.usecases.targets.config_file import config_file

BUCKET_NAME = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
"""A pattern: what S3 takes for the name of a bucket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings:
    """One AWS target. Only the bucket has no default anywhere else."""

    region: str | None = None
    bucket: str | None = None
    installation: str = "main"
    """Keeps several installations of selfserve in one account apart."""
    subnets: tuple[str, ...] = ()
    team: str | None = None
    account: str | None = None
    security_configuration: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration in force."""

    default_on: str
    targets: Mapping[str, AwsSettings]
    user: str
    config_file: Path
    bucket: str | None = None
    team: str | None = None
    region: str | None = None


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the configuration file, if there is one, and the SELFSERVE_… variables.

    Raises:
        BadInputError: the file cannot be used; every problem is named with its place.
    """
    path = config_file(environ)
    default, targets = _parse_config(path)
    return Settings(
        default_on=environ.get("SELFSERVE_ON") or default,
        targets=targets,
        user=to_name_part(environ.get("SELFSERVE_USER") or _login_name()),
        config_file=path,
        bucket=environ.get("SELFSERVE_BUCKET") or None,
        team=environ.get("SELFSERVE_TEAM") or None,
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None,
    )


def _parse_config(path: Path) -> tuple[str, Mapping[str, AwsSettings]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"Cannot read {path}: {error}", hint="Mend the file, or name another: SELFSERVE_CONFIG"
        ) from error
    if not text.strip():  # most users have no such file, and pydantic and YAML are slow to load
        return "local", {}
    from selfserve.core.document import parse_document
    from selfserve.usecases.targets.config_schema import read_config

    hint = f"Mend the file, or move it away: mv {path} {path}.old"
    try:
        document = parse_document(text, str(path))
    except BadInputError as error:
        raise BadInputError(str(error), hint=hint) from error
    return read_config(document, hint=hint)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in /etc/passwd
        return "unknown"
