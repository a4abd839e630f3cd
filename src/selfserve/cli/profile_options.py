"""Options by which `up` and `plan` name a profile and change it for one launch."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.errors import BadInputError

if TYPE_CHECKING:  # they load pydantic
    from selfserve.core.resolve import Override, Resolved
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which profile is wanted under which name, and how it is to differ from its file."""

    profile: str
    name: str | None = None
    settings: Sequence[str] = ()
    idle: str | None = None
    max_age: str | None = None
    shared: bool = False

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.profile if self.name is None else self.name

    def resolve(self) -> "Resolved":
        """The profile as wished for.

        Raises: as `resolve_profile` does; BadInputError for a file in place of a name, too.
        """
        path = PurePath(self.profile)
        if path.suffix in {".yaml", ".yml"}:
            raise BadInputError(
                f"{self.profile} is a file; a cluster is started from a profile by its name.",
                hint=f"Give the profile's name: {path.stem}; see all with: selfserve profiles list",
            )
        return resolve_profile(
            self.profile, self.settings, idle=self.idle, max_age=self.max_age, shared=self.shared
        )

    def command(self, *, on: str | None) -> str:
        """The `up` that does as wished, to be pasted."""
        words = ["selfserve", "up", self.profile, *self._options(on)]
        return " ".join(shlex.quote(word) for word in words)

    def _options(self, on: str | None) -> Iterator[str]:
        for flag, value in (
            ("--on", on),
            ("--name", self.name),
            ("--idle", self.idle),
            ("--max-age", self.max_age),
        ):
            if value is not None:
                yield from (flag, value)
        if self.shared:
            yield "--shared"
        for setting in self.settings:
            yield from ("--set", setting)


def resolve_profile(
    name: str,
    settings: Sequence[str] | None = None,
    *,
    idle: str | None = None,
    max_age: str | None = None,
    shared: bool = False,
) -> "Resolved":
    """The profile as the flags change it.

    Each flag is judged as the profile's file is, and named in errors.

    Raises:
        NotFoundError: there is no such profile.
        BadInputError: it, or a base of it, or a flag, is wrong; or two flags disagree.
    """
    from selfserve.core.resolve import Override, parse_override

    overrides = [parse_override(setting) for setting in settings or ()]
    flags = []
    if idle is not None:
        flags.append(Override("shutdown.idle", idle, "--idle"))
    if max_age is not None:
        flags.append(Override("shutdown.max_age", max_age, "--max-age"))
    if shared:
        flags.append(Override("shared", "true", "--shared"))
    _check_agree(flags, overrides)
    return profile_book().resolve(name, [*overrides, *flags])


def _check_agree(flags: "Sequence[Override]", settings: "Sequence[Override]") -> None:
    for flag in flags:
        for other in settings:
            if other.path == flag.path and other.value() != flag.value():
                short = flag.source if flag.text == "true" else f"{flag.source} {flag.text}"
                raise BadInputError(
                    f"{short} and --set {other.path}={other.text} do not agree.",
                    hint="Give one of them only.",
                )


def profile_book() -> "ProfileBook":
    """The profiles of this directory, of the user and of selfserve."""
    from selfserve.usecases.profiles import find_profiles
    from selfserve.usecases.targets.config_file import profiles_folder

    return find_profiles(profiles_folder())
