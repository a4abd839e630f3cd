"""What may stand in the configuration file; loaded only when there is one, for pydantic is slow."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.document import Document
from selfserve.core.naming import NAME_PART
from selfserve.core.problems import Problem, ProfileError
from selfserve.usecases.targets.settings import BUCKET_NAME, AwsSettings


class _AwsEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    region: str | None = None
    bucket: Annotated[str, Field(pattern=f"^{BUCKET_NAME}$")] | None = None
    installation: Annotated[str, Field(pattern=f"^{NAME_PART}$")] = "main"
    subnets: tuple[str, ...] = Field(default=(), strict=False)
    team: str | None = None
    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None = None
    security_configuration: str | None = None


class _ConfigFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    default: str = "local"
    targets: dict[str, _AwsEntry] = Field(default_factory=dict)


def read_config(document: Document, *, hint: str) -> tuple[str, dict[str, AwsSettings]]:
    """The default target, and all targets by name.

    Raises:
        ProfileError: something in the file cannot be used; every problem is named.
    """
    try:
        config = _ConfigFile.model_validate(document.data)
    except ValidationError as error:
        problems = [_to_problem(detail, document) for detail in error.errors()]
        raise ProfileError(document.source, problems, hint=hint) from error
    targets = {name: AwsSettings(**entry.model_dump()) for name, entry in config.targets.items()}
    return config.default, targets


def _to_problem(detail: ErrorDetails, document: Document) -> Problem:
    path = ".".join(str(part) for part in detail["loc"])
    line = document.lines.get(path)
    place = f"{document.source}:{line}" if line else document.source
    if detail["type"] == "extra_forbidden":
        parent, _, last = path.rpartition(".")
        known = _AwsEntry.model_fields if parent else _ConfigFile.model_fields
        return Problem(place, path, f"unknown key{did_you_mean(last, known)}")
    return Problem(place, path, detail["msg"])
