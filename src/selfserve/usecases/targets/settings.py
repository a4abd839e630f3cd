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
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.naming import NAME_PART, to_name_part
from selfserve.errors import BadInputError
from selfserve.usecases.targets.config_file import config_file

if TYPE_CHECKING:  # most users have no such file, and YAML is slow to load
    from selfserve.core.document import Document
    from selfserve.core.problems import Problem

BUCKET_NAME = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
"""A pattern: what S3 takes for the name of a bucket."""


class AwsSettings(BaseModel):
    """One AWS target. Only the bucket has no default anywhere else."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    region: str | None = None
    bucket: Annotated[str, Field(pattern=f"^{BUCKET_NAME}$")] | None = None
    installation: Annotated[str, Field(pattern=f"^{NAME_PART}$")] = "main"
    """Keeps several installations of selfserve in one account apart."""
    subnets: tuple[str, ...] = Field(default=(), strict=False)
    team: str | None = None
    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None = None
    security_configuration: str | None = None


class _ConfigFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    default: str = "local"
    targets: dict[str, AwsSettings] = Field(default_factory=dict)


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
    config = _parse_config(path)
    return Settings(
        default_on=environ.get("SELFSERVE_ON") or config.default,
        targets=config.targets,
        user=to_name_part(environ.get("SELFSERVE_USER") or _login_name()),
        config_file=path,
        bucket=environ.get("SELFSERVE_BUCKET") or None,
        team=environ.get("SELFSERVE_TEAM") or None,
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None,
    )


def _parse_config(path: Path) -> _ConfigFile:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _ConfigFile()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"Cannot read {path}: {error}", hint="Mend the file, or name another: SELFSERVE_CONFIG"
        ) from error
    if not text.strip():
        return _ConfigFile()
    from selfserve.core.document import parse_document
    from selfserve.core.problems import ProfileError

    hint = f"Mend the file, or move it away: mv {path} {path}.old"
    try:
        document = parse_document(text, str(path))
        return _ConfigFile.model_validate(document.data)
    except BadInputError as error:
        raise BadInputError(str(error), hint=hint) from error
    except ValidationError as error:
        problems = [_to_problem(detail, document) for detail in error.errors()]
        raise ProfileError(str(path), problems, hint=hint) from error


def _to_problem(detail: ErrorDetails, document: "Document") -> "Problem":
    from selfserve.core.problems import Problem

    path = ".".join(str(part) for part in detail["loc"])
    line = document.lines.get(path)
    place = f"{document.source}:{line}" if line else document.source
    if detail["type"] == "extra_forbidden":
        parent, _, last = path.rpartition(".")
        known = AwsSettings.model_fields if parent else _ConfigFile.model_fields
        return Problem(place, path, f"unknown key{did_you_mean(last, known)}")
    return Problem(place, path, detail["msg"])


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in /etc/passwd
        return "unknown"
