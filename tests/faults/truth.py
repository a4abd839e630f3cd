"""What must be true of an account after any misfortune: nothing lost, twice, or cut off."""

from collections import Counter
from collections.abc import Iterator, Sequence

from typer.testing import Result

from faults.account import REGION, Account
from selfserve.core.naming import ClusterName, claim_key, launch_key
from selfserve.core.run import is_run_id, placement_key, run_id_of_step, submission_key
from selfserve.local.control.records import ClusterRecord

_MAY_HAVE_HAPPENED = ("may or may not", "may have taken effect")


def assert_nothing_is_amiss(account: Account) -> None:
    """No orphan, no duplicate, and everything can be found again."""
    assert list(_orphans(account)) == []
    assert list(_duplicates(account)) == []
    assert list(_unrecorded(account)) == []


def assert_exit_is_truthful(done: Result, account: Account, *, effects: Sequence[str]) -> None:
    """Success only for what is done; trouble with AWS is told, with all that is not known.

    `effects` are the ids of what has come of the command.
    """
    assert_trouble_is_told(done)
    if done.exit_code == 0:
        assert any(effect in done.output for effect in effects), done.output
    elif effects:
        known = (*effects, *(cluster.id for cluster in account.live()), *_MAY_HAVE_HAPPENED)
        assert any(words in done.output for words in known), done.output


def assert_trouble_is_told(done: Result) -> None:
    """A line and a hint, if AWS is the trouble; nothing else may be."""
    assert "Traceback" not in done.output
    if done.exit_code != 0:
        assert done.exit_code == 3, done.output
        error = done.stderr[done.stderr.index("error:") :].strip().splitlines()
        assert [line.strip()[:5] for line in error] == ["error", "hint:"], done.output


def is_working(cluster: ClusterRecord) -> bool:
    """Whether something runs on the cluster, or waits for its turn."""
    return any(not step.state.is_over for step in cluster.steps)


def runs_of(account: Account) -> Counter[str]:
    """How many steps each run has."""
    every = (step for cluster in account.controller.all() for step in cluster.steps)
    return Counter(run_id for step in every if (run_id := run_id_of_step(step.name)))


def live_named(account: Account, name: str, *, owner: str = "ada") -> list[ClusterRecord]:
    """The owner's live clusters of this name."""
    return [
        cluster for cluster, known in _ours(account) if (known.owner, known.name) == (owner, name)
    ]


def _ours(account: Account) -> Iterator[tuple[ClusterRecord, ClusterName]]:
    for cluster in account.live():
        name = ClusterName.parse(cluster.name)
        if name is not None:
            yield cluster, name


def _orphans(account: Account) -> Iterator[str]:
    """Live clusters that nobody works with and that nobody would find by their name."""
    for cluster, name in _ours(account):
        if is_working(cluster):
            continue
        key = claim_key(REGION, name.installation, name.owner, name.name)
        claim = account.get(key) if cluster.keep_alive else None
        if claim is None or claim["launch_id"] != name.launch_id:
            yield f"{name} ({cluster.id}) is {cluster.state}, the claim is {claim}"


def _duplicates(account: Account) -> Iterator[str]:
    """Clusters and steps that one intent has made two of."""
    names = Counter((name.owner, name.name) for _, name in _ours(account))
    yield from (f"{number} live clusters {name}" for name, number in names.items() if number > 1)
    yield from (f"{n} steps of {run_id}" for run_id, n in runs_of(account).items() if n > 1)


def _unrecorded(account: Account) -> Iterator[str]:
    """Clusters without their intent, and runs that nobody could find."""
    for cluster, name in _ours(account):
        if account.get(launch_key(name.launch_id)) is None:
            yield f"the intent of {name}"
        if is_run_id(name.name) and account.get(placement_key(name.name)) is None:
            yield f"the place of {name.name}, {cluster.id}"
    for run_id in runs_of(account):
        if account.get(submission_key(run_id)) is None:
            yield f"the record of {run_id}"
