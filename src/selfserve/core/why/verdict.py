"""What `why` says: the cause, what shows it, and what to do next. Pure."""

from dataclasses import dataclass

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Quote:
    """Lines that were found somewhere, without secrets."""

    source: str
    """Who has written them, such as "the driver's log"."""
    name: str
    """Where that is in S3; empty for what EMR or the run's record says."""
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why something failed."""

    kind: str
    """The id of the rule that explains it; `unknown` when none does."""
    cause: str
    quotes: tuple[Quote, ...]
    """What the user wrote comes first."""
    next_step: str
    command: str | None
    """One to paste, if a command helps."""

    @property
    def is_known(self) -> bool:
        """Whether a rule explains it."""
        return self.kind != UNKNOWN


@dataclass(frozen=True, slots=True)
class Names:
    """What commands in a verdict are about."""

    run: str = "RUN"
    cluster: str = "CLUSTER"
    """What follows `-c` to run the job again: of a cluster for one run only, its profile."""
    profile: str = "PROFILE"
    cluster_id: str = "CLUSTER"
    path: str | None = None
    """The job as its user typed it; its name will do if that is not known."""
