"""`selfserve sweep` against `mrjob terminate-idle-clusters`, on copies of the same clusters.

Both are whole processes that talk to moto's server; the calls are counted there. The
sweep looks twice: the second sweep, ten minutes of the server's time after the first, is
the one that ends. The last part replays the recorded calls under EMR's default rates.
"""

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import boto3

from benchmarks.moto_account import BUCKET, IDLE, REGION, Asked, MotoAccount, moto_account
from benchmarks.token_buckets import seconds, seconds_until_ended
from selfserve.core.sweeping import SweepPolicy

_PERIOD = timedelta(minutes=10)
_LATER = _PERIOD + timedelta(seconds=20)  # looks are taken a while after a sweep has begun
_MRJOB = "mrjob==0.7.4"
_AIM = 0.05
_THROTTLED = 2_500
_MOST_SWEEPS = 6
_PARALLEL = SweepPolicy().parallel


def main(sizes: Sequence[int] = (200, 2_000, 10_000)) -> None:
    """Print calls, CPU time and memory by number of clusters, then times under EMR's rates."""
    print("Sweeping: 5 % of the clusters are idle over their limit, the others mixed")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        mrjob = _install_mrjob(folder)
        for live in sizes:
            _compare(live, mrjob if live <= 2_000 else None, folder)
        _throttled(mrjob, folder)


@dataclass(frozen=True, slots=True)
class _Used:
    """One process: what it asked, and what it took of this machine."""

    calls: tuple[Asked, ...]
    cpu_s: float
    peak_mb: float

    @property
    def emr(self) -> int:
        """Calls of EMR, whose rates are what is scarce."""
        return sum(call.service == "emr" for call in self.calls)

    def report(self, what: str) -> None:
        """A line of figures, and one of calls by operation."""
        counts = Counter(call.operation for call in self.calls if call.service == "emr")
        others = Counter(call.service for call in self.calls if call.service != "emr")
        told = [f"{number} {name}" for name, number in sorted(counts.items())]
        told += [f"{number} of {name}" for name, number in sorted(others.items())]
        print(f"  {what:<34} {self.emr:>6} calls {self.cpu_s:7.1f} s CPU {self.peak_mb:6.0f} MB")
        print(f"    {', '.join(told)}")


def _compare(live: int, mrjob: Path | None, folder: Path) -> None:
    print(f" {live} live clusters, {live * 5 // 100} to end:")
    with moto_account("mixed", live) as account:
        first, ending = _sweep_until_ended(account, folder)
    first.report("selfserve sweep, the very first")
    ending.report("selfserve sweep, the one that ends")
    if mrjob is None:
        print()
        return
    with moto_account("in-balance", live) as account:
        _, balanced = _sweep_until_ended(account, folder)
    balanced.report("selfserve sweep, as many warned of")
    with moto_account("mixed", live) as account:
        theirs = _terminate_idle(account, mrjob)
    theirs.report("mrjob terminate-idle-clusters")
    ratio = ending.emr / theirs.emr
    verdict = "met" if ratio <= _AIM else "MISSED"
    print(f"  ratio {ratio:.3f} x of its calls of EMR   (aim: {_AIM} x or less, {verdict})")
    print(f"    with those of S3 and CloudWatch   {len(ending.calls) / len(theirs.calls):.3f} x")
    print(f"    with as many warned of as ended   {balanced.emr / theirs.emr:.3f} x")
    print(f"    with the very first sweep         {(first.emr + ending.emr) / theirs.emr:.3f} x\n")


def _throttled(mrjob: Path, folder: Path) -> None:
    """EMR's default rates, both clients ideal at waiting; see `token_buckets`."""
    idle = _THROTTLED // 5
    print(f" EMR's default rates, {_THROTTLED} live clusters, until {idle} idle ones are ending:")
    with moto_account("a-fifth-idle", _THROTTLED) as account:
        first, *ending = _sweep_until_ended(account, folder)
    with moto_account("a-fifth-idle", _THROTTLED) as account:
        _, at_once = _sweep_until_ended(account, folder, "--all")
    with moto_account("a-fifth-idle", _THROTTLED) as account:
        theirs_s = seconds_until_ended(_terminate_idle(account, mrjob).calls)
    _report_s("selfserve sweep, the very first, once", seconds(first.calls, parallel_s3=_PARALLEL))
    all_s = seconds_until_ended(at_once.calls, parallel_s3=_PARALLEL)
    capped_s = _until_all_ended(ending)
    _report_s("selfserve sweep --all, the one that ends", all_s)
    _report_s(f"selfserve sweep, {len(ending)} of them: 20 % of ours each", capped_s)
    _report_s("mrjob terminate-idle-clusters, each time", theirs_s)
    print(f"  ratio {all_s / theirs_s:.2f} x with --all, {capped_s / theirs_s:.2f} x without\n")


def _report_s(what: str, time_s: float) -> None:
    print(f"  {what:<44} {time_s:8.0f} s")


def _until_all_ended(ending: Sequence[_Used]) -> float:
    """A sweep begins a period after the one before, or when that is over."""
    *before, last = ending
    waited_s = sum(
        max(seconds(one.calls, parallel_s3=_PARALLEL), _PERIOD.total_seconds()) for one in before
    )
    return waited_s + seconds_until_ended(last.calls, parallel_s3=_PARALLEL)


def _sweep_until_ended(account: MotoAccount, folder: Path, *options: str) -> list[_Used]:
    """A sweep of an account that has never seen one, and those that end clusters."""
    program = [sys.executable, "-m", "selfserve", "sweep", "--on", "aws", "-o", "json", "-q"]
    environment = _environment(account, folder)
    used = [_run([*program, *options], environment, account)]
    while account.states()[IDLE, "WAITING"]:
        assert len(used) < _MOST_SWEEPS
        account.later(_LATER)
        used.append(_run([*program, *options], environment, account))
    _check(account)
    return used


def _terminate_idle(account: MotoAccount, mrjob: Path) -> _Used:
    options = ["--no-conf", "-q", "--max-mins-idle", "60", "--region", REGION]
    command = [str(mrjob), "terminate-idle-clusters", *options, "--emr-endpoint", account.url]
    used = _run(command, _environment(account, mrjob.parent), account)
    _check(account)
    return used


def _check(account: MotoAccount) -> None:
    """All that had to end has, and nothing else: else the figures mean nothing."""
    for (kind, state), number in account.states().items():
        assert (state == "TERMINATED") == (kind in {IDLE, "gone"}), f"{number} {kind}: {state}"


def _run(command: Sequence[str], environment: Mapping[str, str], account: MotoAccount) -> _Used:
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(output.read().decode()[-2000:])
    cpu_s = usage.ru_utime + usage.ru_stime
    kilobytes = usage.ru_maxrss // 1024 if sys.platform == "darwin" else usage.ru_maxrss
    return _Used(tuple(account.calls()), cpu_s, kilobytes / 1024)


def _environment(account: MotoAccount, folder: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "SELFSERVE_"))
    }
    return {
        **kept,
        "AWS_ENDPOINT_URL": account.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SELFSERVE_BUCKET": BUCKET,
        "SELFSERVE_CONFIG": str(folder / "config.yaml"),
        "SELFSERVE_CACHE": str(folder / "cache"),
    }


def _install_mrjob(folder: Path) -> Path:
    """Into an environment of its own, with our version of boto3."""
    venv = folder / "mrjob"
    uv = Path(sys.executable).with_name("uv")
    packages = [_MRJOB, f"boto3=={boto3.__version__}", "setuptools<80"]
    python = venv / "bin" / "python"
    for command in (
        ["venv", "--quiet", "--python", sys.executable, str(venv)],
        ["pip", "install", "--quiet", "--python", str(python), *packages],
    ):
        subprocess.run([str(uv), *command], check=True)
    return venv / "bin" / "mrjob"


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or (200, 2_000, 10_000))
