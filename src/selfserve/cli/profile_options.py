"""Options by which `up` and `plan` name a profile and change it for one launch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # they load pydantic
    from selfserve.core.resolve import Resolved
    from selfserve.usecases.profiles import ProfileBook

ProfileName = Annotated[
    str, typer.Argument(metavar="PROFILE", help="A profile's name, such as spark-ml.")
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="The cluster's name; the profile's if not given."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the profile; repeatable."),
]
Idle = Annotated[
    str | None,
    typer.Option("--idle", metavar="30m", help="End the cluster when it has been idle this long."),
]
MaxAge = Annotated[
    str | None, typer.Option("--max-age", metavar="8h", help="End the cluster at this age.")
]


def resolve_profile(
    name: str,
    settings: Sequence[str] | None = None,
    *,
    idle: str | None = None,
    max_age: str | None = None,
) -> "Resolved":
    """The profile as the flags change it.

    Each flag is judged as the profile's file is, and named in errors.

    Raises:
        NotFoundError: there is no such profile.
        BadInputError: it, or a base of it, or a flag, is wrong.
    """
    from selfserve.core.resolve import Override, parse_override

    overrides = [parse_override(setting) for setting in settings or ()]
    if idle is not None:
        overrides.append(Override("shutdown.idle", idle, "--idle"))
    if max_age is not None:
        overrides.append(Override("shutdown.max_age", max_age, "--max-age"))
    return profile_book().resolve(name, overrides)


def profile_book() -> "ProfileBook":
    """The profiles of this directory, of the user and of selfserve."""
    from selfserve.usecases.config_file import profiles_folder
    from selfserve.usecases.profiles import find_profiles

    return find_profiles(profiles_folder())
