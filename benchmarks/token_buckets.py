"""How long a sequence of calls takes under EMR's default rates, in a time of its own.

Each operation has a bucket of tokens per account and region; a call takes one, or waits
until there is one. Both clients are taken to be ideal: they wait exactly as long as
needed. A real one that is refused backs off for longer (botocore up to 20 seconds, mrjob
then 30 and more), so this flatters whoever is refused more often.

Refill rates: https://docs.aws.amazon.com/general/latest/gr/emr.html. It gives a burst for
some operations; 10, the largest of those, is taken for the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.moto_account import Asked

_REFILL_PER_S = {
    "DescribeCluster": 1.0,
    "ListClusters": 0.5,
    "ListSteps": 0.5,
    "TerminateJobFlows": 0.5,
}
_BURST = 10.0
_ANSWER_S = {"emr": 0.15, "monitoring": 0.3, "s3": 0.03}
"""What a request takes if nothing holds it up; guesses, and small beside the waiting."""


@dataclass
class _Bucket:
    refill_per_s: float
    tokens: float = _BURST
    at_s: float = 0.0

    def take(self, now_s: float) -> float:
        """When the call goes through."""
        self.tokens = min(_BURST, self.tokens + (now_s - self.at_s) * self.refill_per_s)
        wait_s = max(1.0 - self.tokens, 0.0) / self.refill_per_s
        self.tokens += wait_s * self.refill_per_s - 1.0
        self.at_s = now_s + wait_s
        return self.at_s


@dataclass
class _Account:
    buckets: dict[str, _Bucket] = field(
        default_factory=lambda: {name: _Bucket(rate) for name, rate in _REFILL_PER_S.items()}
    )

    def call(self, asked: Asked, now_s: float) -> float:
        """When the answer is there."""
        bucket = self.buckets.get(asked.operation) if asked.service == "emr" else None
        through_s = now_s if bucket is None else bucket.take(now_s)
        return through_s + _ANSWER_S.get(asked.service, 0.0)


def replay(calls: Sequence[Asked], *, parallel_s3: int = 1) -> Iterator[tuple[Asked, float]]:
    """Each call and when it is answered, in seconds from the first.

    One call after the other, as both clients ask EMR; a client that asks S3 for several
    objects at a time gets them in that fraction of the time.
    """
    account = _Account()
    now_s = 0.0
    for asked in calls:
        answered_s = account.call(asked, now_s)
        if asked.service == "s3":
            answered_s = now_s + (answered_s - now_s) / parallel_s3
        now_s = answered_s
        yield asked, now_s


def seconds_until_ended(calls: Sequence[Asked], *, parallel_s3: int = 1) -> float:
    """When the last termination is answered."""
    ends = [
        at_s
        for asked, at_s in replay(calls, parallel_s3=parallel_s3)
        if asked.operation == "TerminateJobFlows"
    ]
    return ends[-1]


def seconds(calls: Sequence[Asked], *, parallel_s3: int = 1) -> float:
    """When the last call is answered."""
    *_, (_, at_s) = replay(calls, parallel_s3=parallel_s3)
    return at_s
