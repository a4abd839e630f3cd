"""What a sweep says of each cluster. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from selfserve.core.cluster import ClusterState, ClusterSummary
from selfserve.core.idle import Decision
from selfserve.core.naming import ClusterName

NOT_OUR_TAGS = "it has a name of ours, but not our tags"


class Verdict(StrEnum):
    """What a sweep has done with a cluster, or has decided to do."""

    KEEP = "keep"
    WARN = "warn"
    """It ends at a later sweep unless something happens."""
    END = "end"
    """A dry run: it would be ended now."""
    ENDED = "ended"
    ENDING = "ending"
    """A sweep has told it to end already; it is not gone yet."""
    SPARED = "spared"
    """It was to end, and at the last look something kept it."""
    LATER = "later"
    """It is to end, but enough have been ended for this period."""
    REFUSED = "refused"
    """EMR does not let it end."""
    FOREIGN = "foreign"
    """It has a name of ours, but not our tags: it is never touched."""
    UNKNOWN = "unknown"
    """It could not be looked at."""
    GONE = "gone"


VERDICT_WORDS = {
    Verdict.ENDED: "ended",
    Verdict.END: "to end now",
    Verdict.ENDING: "ending already",
    Verdict.LATER: "left for a later sweep",
    Verdict.WARN: "warned of",
    Verdict.SPARED: "spared at the last look",
    Verdict.KEEP: "kept",
    Verdict.REFUSED: "not let end by EMR",
    Verdict.FOREIGN: "not ours by their tags",
    Verdict.UNKNOWN: "not looked at",
    Verdict.GONE: "gone meanwhile",
}
"""What to say after a number of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepLine:
    """One cluster, and what became of it."""

    id: str
    name: str
    owner: str
    profile: str
    state: ClusterState
    created: datetime
    verdict: Verdict
    reason: str
    """A sentence without its full stop."""
    idle_since: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What one sweep has seen and done."""

    sweep_id: str
    time: datetime
    lines: Sequence[SweepLine]
    """Newest cluster first."""
    dry_run: bool = False
    notes: Sequence[str] = ()
    """What was put in order besides."""
    failures: Sequence[str] = ()
    """What AWS has refused; the rest was done."""
    calls: int = 0
    """Requests to EMR and its metrics; pages of one listing count as one."""

    def having(self, *verdicts: Verdict) -> list[SweepLine]:
        """The clusters with these verdicts."""
        return [line for line in self.lines if line.verdict in verdicts]

    def verdicts(self) -> list[Verdict]:
        """Those that some cluster has."""
        return [verdict for verdict in Verdict if self.having(verdict)]

    def having_warned(self) -> list[SweepLine]:
        """Those that end unless something happens."""
        return self.having(Verdict.WARN, Verdict.LATER)

    @property
    def next_due(self) -> datetime | None:
        """When another sweep will first find one to end, of those that are warned of."""
        times = [line.ends_at for line in self.having(Verdict.WARN) if line.ends_at]
        return min(times, default=None)


def to_line(
    name: ClusterName, cluster: ClusterSummary, verdict: Verdict, decision: Decision
) -> SweepLine:
    """A line of the report."""
    return SweepLine(
        id=cluster.id,
        name=name.name,
        owner=name.owner,
        profile=name.profile,
        state=cluster.state,
        created=cluster.created,
        verdict=verdict,
        reason=decision.reason,
        idle_since=decision.idle_since,
        ends_at=decision.ends_at,
    )
