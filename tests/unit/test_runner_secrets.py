"""The runner resolves references to secrets, and only the job sees the values."""

import json
from pathlib import Path

import pytest

from runner_bench import PYTHONS, Bench, Job, wait_until

VALUE = "canary-52c1f0-zebra"
MANAGER = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/team/token"
SHOW = "import os\nprint(repr(os.environ['TOKEN']))"

# In place of the AWS CLI: answers from its files, and writes down what it was asked.
AWS = """#!/bin/sh
here=$(dirname "$0")
echo "$@" >> "$here/asked"
[ -z "$PYTHONPATH" ] || { echo "PYTHONPATH is set" >&2; exit 9; }
cat "$here/stderr" >&2 2>/dev/null
cat "$here/stdout"
[ ! -e "$here/stderr" ]
"""


@pytest.fixture(params=PYTHONS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return Bench(tmp_path, request.param)


def answer(bench: Bench, text: str, error: str | None = None) -> str:
    """Have an `aws` that says this; returns the PATH that it is on."""
    folder = bench.root / "bin"
    folder.mkdir()
    (folder / "aws").write_text(AWS)
    (folder / "aws").chmod(0o755)
    (folder / "stdout").write_text(text)
    if error is not None:
        (folder / "stderr").write_text(error)
    return f"{folder}:/usr/bin:/bin"


@pytest.mark.parametrize(
    ("reference", "printed", "value", "asked"),
    [
        pytest.param(
            MANAGER,
            f"{VALUE}\n",
            VALUE,
            f"secretsmanager get-secret-value --secret-id {MANAGER} --query SecretString "
            "--output text --region eu-west-1",
            id="manager",
        ),
        pytest.param(
            f"{MANAGER}#password",
            json.dumps({"password": VALUE}) + "\n",
            VALUE,
            f"secretsmanager get-secret-value --secret-id {MANAGER} --query SecretString "
            "--output text --region eu-west-1",
            id="key-of-json",
        ),
        pytest.param(
            PARAMETER,
            f"{VALUE}\n\n",
            f"{VALUE}\n",
            f"ssm get-parameter --with-decryption --name {PARAMETER} --query Parameter.Value "
            "--output text --region eu-central-1",
            id="parameter",
        ),
    ],
)
def test_an_arn_is_resolved_by_the_nodes_aws_command(
    bench: Bench, reference: str, printed: str, value: str, asked: str
) -> None:
    path = answer(bench, printed)
    job = Job({"job.py": f"import os\nassert os.environ['TOKEN'] == {value!r}[::1]"})
    job.secrets = {"TOKEN": reference}

    finished = bench.run(job, PATH=path, PYTHONPATH="/nowhere")

    assert finished.code == 0, finished.copied_stderr
    assert (bench.root / "bin" / "asked").read_text() == f"{asked}\n"


def test_an_object_is_resolved_to_its_content(bench: Bench) -> None:
    (bench.root / "s3" / "bucket").mkdir()
    (bench.root / "s3" / "bucket" / "token").write_text(f"{VALUE}\n")
    source = "import os\nprint(len(os.environ['TOKEN']), os.environ['TOKEN'])"

    finished = bench.run(Job({"job.py": source}, secrets={"TOKEN": "s3://bucket/token"}))

    assert finished.copied_stdout == f"{len(VALUE)} ***\n"


def test_a_value_is_nowhere_but_in_the_jobs_environment(bench: Bench) -> None:
    (bench.root / "s3" / "bucket").mkdir()
    (bench.root / "s3" / "bucket" / "token").write_text(f"{VALUE}\n")
    source = """
import os, sys, time
token = os.environ["TOKEN"]
for character in token + "\\n":
    sys.stdout.write(character); sys.stdout.flush(); time.sleep(0.001)
print("token:", token, file=sys.stderr)
while not os.path.exists("go"): time.sleep(0.02)
raise ValueError("x" * 9_990 + token + "y" * 20_000)
"""
    bench.submit(Job({"job.py": source}, secrets={"TOKEN": "s3://bucket/token"}))

    with bench.start() as process:
        wait_until(lambda: "token: ***\n" in bench.output("stderr"))
        commands = b"".join(
            path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()
        )
        runner_environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        (bench.cwd / "go").touch()
        out, err = process.communicate()

    assert out == b"***\n"
    objects = [path.read_bytes() for path in bench.run_folder.rglob("*") if path.is_file()]
    for place in (commands, runner_environment, out, err, *objects):
        assert VALUE.encode() not in place
        assert VALUE[4:].encode() not in place
    assert bench.result["exception"]["type"] == "ValueError"


@pytest.mark.parametrize(
    ("reference", "printed", "error", "why"),
    [
        (MANAGER, "", "An error (AccessDeniedException): not you", "AccessDeniedException"),
        (MANAGER, "None\n", None, "binary"),
        (f"{MANAGER}#user", json.dumps({"password": VALUE}), None, "has no key user"),
        (f"{MANAGER}#user", VALUE, None, "no JSON"),
        ("s3://bucket/absent", "", None, "No such file"),
        ("ftp://x", "", None, "neither an ARN"),
        ("arn:aws:kms:eu-west-1:1:key/x", "", None, "neither an ARN"),
    ],
    ids=["denied", "binary", "no-key", "no-json", "no-object", "unknown", "other-arn"],
)
def test_a_secret_that_cannot_be_resolved_is_named_and_the_job_not_started(
    tmp_path: Path, reference: str, printed: str, error: str | None, why: str
) -> None:
    bench = Bench(tmp_path)
    path = answer(bench, printed, error)

    finished = bench.run(Job({"job.py": SHOW}, secrets={"TOKEN": reference}), PATH=path)

    exception = bench.result["exception"]
    assert finished.code == 70
    assert exception["type"] == "selfserve.SecretError"
    assert "TOKEN" in exception["message"]
    assert reference in exception["message"]
    assert why in exception["message"]
    assert VALUE not in json.dumps(bench.result) + finished.copied_stderr
    assert bench.result["job_started"] is None


def test_a_node_without_aws_is_the_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    bench.run(Job({"job.py": SHOW}, secrets={"TOKEN": MANAGER}), PATH="/nowhere")

    assert "this node has no `aws` command" in bench.result["exception"]["message"]
