"""The schema of a profile: what each key means, its type, its limits and its default.

Pure. A `Profile` is a merged profile that has passed; `core.validate` tells what is
wrong with one that has not, `core.checks` what one key alone cannot show.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from selfserve.core.durations import format_duration, parse_duration
from selfserve.core.launch import Market

PINS = ("spark", "release", "trino")
"""The keys that pin the versions; a merged profile has exactly one."""

_DURATION_PATTERN = r"^\d+[smhd]$"
_SECOND, _MINUTE, _DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def _to_duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration; write 90s, 30m, 8h or 2d")  # noqa: TRY004  pydantic reports ValueError only
    return parse_duration(value)


def _between(shortest: timedelta, longest: timedelta) -> BeforeValidator:
    def check(value: object) -> object:
        duration = _to_duration(value)
        if isinstance(duration, timedelta) and not shortest <= duration <= longest:
            limits = f"{format_duration(shortest)} to {format_duration(longest)}"
            raise ValueError(f"{value} is outside {limits}")
        return duration

    return BeforeValidator(check)


_AsText = PlainSerializer(format_duration, return_type=str)
_DurationSchema = WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN})

# EMR's AutoTerminationPolicy takes 60 to 604,800 seconds.
IdleTime = Annotated[timedelta, _between(60 * _SECOND, 7 * _DAY), _AsText, _DurationSchema]
# Our own limit: shorter than a launch makes no sense, longer than a month is a server.
MaxAge = Annotated[timedelta, _between(10 * _MINUTE, 31 * _DAY), _AsText, _DurationSchema]
# EMR's SpotProvisioningSpecification takes 5 to 1,440 minutes; after an hour without its
# instances a cluster counts as stuck (`core.idle`).
SpotTimeout = Annotated[timedelta, _between(5 * _MINUTE, 45 * _MINUTE), _AsText, _DurationSchema]


def _to_text(value: object) -> object:
    """EMR wants strings; YAML's `true` and `200` are what people write."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _to_property(value: object) -> object:
    """One property of a classification, or a nested classification such as `export`."""
    if not isinstance(value, Mapping):
        text = _to_text(value)
        if not isinstance(text, str):
            raise ValueError(f"must be text, a number or a boolean, not {_kind(value)}")  # noqa: TRY004  as above
        return text
    unfit = [name for name, nested in value.items() if not isinstance(nested, str | int)]
    if unfit:
        kind = _kind(value[unfit[0]])
        raise ValueError(f"{unfit[0]} must be text, a number or a boolean, not {kind}")
    return {name: _to_text(nested) for name, nested in value.items()}


def _kind(value: object) -> str:
    kinds = {list: "a list", dict: "a map", type(None): "empty"}
    return kinds.get(type(value), repr(value))


Text = Annotated[str, BeforeValidator(_to_text)]
Filled = Annotated[str, StringConstraints(min_length=1)]
Version = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
    StringConstraints(pattern=r"^[0-9][0-9A-Za-z.-]*$"),
]
Property = Annotated[
    str | dict[str, str],
    BeforeValidator(_to_property),
    WithJsonSchema(
        {
            "type": ["string", "integer", "number", "boolean", "object"],
            "additionalProperties": {"type": ["string", "integer", "number", "boolean"]},
        }
    ),
]
# EC2's CreateKeyPair takes up to 255 ASCII characters.
KeyPair = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,253}[!-~])?$")]
TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128)]
TagValue = Annotated[Text, StringConstraints(max_length=256)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Fleet(_Part):
    """One EMR instance fleet: any mix of these types makes up its capacity."""

    # EMR takes 30 types per fleet with an allocation strategy, which we always set.
    types: tuple[Filled, ...] = Field(
        min_length=1, max_length=30, strict=False, description="Preferred first."
    )
    market: Literal["on-demand", "spot"] = "on-demand"
    fallback: Literal["on-demand"] | None = Field(
        default=None, description="What to use when no Spot capacity comes within `spot_timeout`."
    )
    spot_timeout: SpotTimeout = timedelta(minutes=10)
    disk: int | None = Field(
        default=None, ge=10, le=1024, description="GiB of one gp3 volume per node."
    )

    @property
    def buys(self) -> Market:
        """The market as our own type."""
        return Market(self.market)


class CoreFleet(Fleet):
    """The workers that hold HDFS and, for cluster-mode jobs, the drivers."""

    count: int = Field(ge=1, le=4000, description="Workers of the first type.")


class TaskFleet(Fleet):
    """The workers that come and go."""

    count: int | None = Field(
        default=None,
        ge=1,
        le=4000,
        description="Workers at the start; by default what scale.min needs.",
    )


class Nodes(_Part):
    """The three fleets."""

    primary: Fleet
    core: CoreFleet
    task: TaskFleet | None = None


class Scale(_Part):
    """Between which sizes it scales: workers of the first core type, core and task together."""

    min: int = Field(ge=1, le=4000)
    max: int = Field(ge=1, le=4000)
    by: Literal["load", "hand"] = Field(
        default="load",
        description="`load`: EMR's managed scaling, which follows YARN. `hand`: the size stays as "
        "it is until `selfserve resize NAME --workers N`; for Trino and Presto.",
    )


class Shutdown(_Part):
    """What ends a cluster that nobody ends."""

    idle: IdleTime = Field(description="How long nothing may run: 60s to 7d.")
    max_age: MaxAge = Field(description="How old it may become; a running job is let finish.")


class Iam(_Part):
    """Names of roles that an administrator has made."""

    service_role: Filled
    instance_profile: Filled


class Bootstrap(_Part):
    """A script from bootstrap/ that every node runs before applications are installed."""

    script: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.(sh|py)$")]
    args: tuple[Text, ...] = Field(default=(), strict=False)


class Profile(_Part):
    """A cluster that can be asked for by name."""

    extends: str | None = Field(default=None, description="The profile this one starts from.")
    description: str = ""
    spark: Version | None = Field(
        default=None, description="Spark version; pins the newest EMR release that has it."
    )
    release: Filled | None = Field(default=None, description="EMR release label.")
    trino: Version | None = Field(
        default=None, description="Trino version; pins the newest EMR release that has it."
    )
    applications: tuple[Filled, ...] = Field(min_length=1, strict=False)
    nodes: Nodes
    scale: Scale | None = Field(default=None, description="Absent: the size is fixed.")
    shutdown: Shutdown
    iam: Iam
    logs: Filled = Field(description="An s3:// URI.")
    # EMR resources carry 50 tags; nine are ours.
    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=41)
    conf: dict[str, dict[str, Property]] = Field(
        default_factory=dict, description="EMR classification -> property -> value."
    )
    bootstrap: dict[str, Bootstrap] = Field(
        default_factory=dict, max_length=16, description="Name -> script, run in this order."
    )
    vars: dict[str, Text] = Field(
        default_factory=dict, description="Values for {{ vars.name }} in this profile's text."
    )
    step_concurrency: int = Field(
        default=1, ge=1, le=256, description="How many steps run at a time."
    )
    shared: bool = Field(default=False, description="Other people's jobs may join such a cluster.")
    root_disk: int | None = Field(default=None, ge=15, le=100, description="GiB.")
    ssh_key: KeyPair | None = Field(
        default=None,
        description="EC2 key pair for ssh to the primary node; absent: nobody logs in by ssh.",
    )


def profile_schema() -> dict[str, Any]:  # Any: JSON
    """JSON Schema of one profile *file*: no key is required, as `extends` may give it."""
    schema = Profile.model_json_schema()
    for definition in (schema, *schema.get("$defs", {}).values()):
        definition.pop("required", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
