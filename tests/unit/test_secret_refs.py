"""Secrets come by reference; whatever else is given is refused and never repeated."""

import pytest

from selfserve.core.program import JobKind, SecretRef
from selfserve.core.secret_refs import check_secrets, parse_secret, parse_secrets
from selfserve.errors import BadInputError

SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3"


@pytest.mark.parametrize(
    "reference",
    [
        SECRET_ARN,
        f"{SECRET_ARN}#password",
        "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:x_y+z=.@-a1B2c3",
        "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/prod/db/password",
        "arn:aws:ssm:eu-west-1:123456789012:parameter/plain",
        "s3://my-bucket/keys/db.txt",
    ],
)
@pytest.mark.parametrize("name", ["DB_PASSWORD", "_x9", "dbPassword", "PATHS", "HIVEMIND"])
def test_a_reference_is_read(name: str, reference: str) -> None:
    assert parse_secret(f"{name}={reference}") == SecretRef(name, reference)


@pytest.mark.parametrize(
    "text",
    [
        "MARKER",
        "MARKER=",
        "MARKER==",
        "marker=MARKER",
        "DB_PASSWORD=MARKER",
        "DB_PASSWORD=arn:aws:MARKER",
        "DB_PASSWORD=arn:aws:secretsmanager:eu-west-1:123456789012:MARKER",
        f"DB_PASSWORD={SECRET_ARN} MARKER",
        "DB_PASSWORD=s3://MARKER",
        "DB_PASSWORD=s3://my-bucket/MARKER MARKER",
        "DB_PASSWORD=arn:aws:ssm:eu-west-1:123456789012:parameter/MARKER\n",
        "DB_PASSWORD=https://example.com/MARKER",
        "a MARKER=b",
        "=MARKER",
        "",
    ],
)
def test_what_is_no_reference_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadInputError, match="takes NAME=REFERENCE") as refusal:
        parse_secret(text)

    assert "MARKER" not in f"{refusal.value} {refusal.value.hint}"
    assert "aws secretsmanager create-secret" in refusal.value.hint


def test_the_name_is_repeated_where_it_can_be_nothing_else() -> None:
    with pytest.raises(BadInputError, match="--secret DB_PASSWORD takes"):
        parse_secret("DB_PASSWORD=hunter2")


@pytest.mark.parametrize(
    "name",
    ["PATH", "PYTHONPATH", "PYTHONHASHSEED", "LD_PRELOAD", "SPARK_HOME", "PYSPARK_PYTHON", "TZ"],
)
def test_names_that_start_the_job_itself_are_taken(name: str) -> None:
    with pytest.raises(BadInputError, match="how the job itself is started") as refusal:
        parse_secret(f"{name}={SECRET_ARN}")

    assert f"--secret MY_{name}=" in refusal.value.hint


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_REGION"])
def test_the_clusters_role_is_not_replaced(name: str) -> None:
    with pytest.raises(BadInputError, match="the cluster's own role"):
        parse_secret(f"{name}={SECRET_ARN}")


@pytest.mark.parametrize("name", ["9LIVES", "a-b", "a.b", "ä"])
def test_a_name_that_no_shell_takes_is_refused(name: str) -> None:
    with pytest.raises(BadInputError, match="name of an environment variable"):
        parse_secret(f"{name}={SECRET_ARN}")


def test_two_secrets_of_one_name_are_refused() -> None:
    with pytest.raises(BadInputError, match="--secret A is given twice"):
        parse_secrets([f"A={SECRET_ARN}", f"B={SECRET_ARN}", f"A={SECRET_ARN}#x"])


@pytest.mark.parametrize("kind", [JobKind.SQL, JobKind.JAR])
def test_only_python_jobs_take_secrets(kind: JobKind) -> None:
    secrets = parse_secrets([f"A={SECRET_ARN}"])

    check_secrets((), kind, "a.x")
    check_secrets(secrets, JobKind.PYTHON, "a.py")
    with pytest.raises(BadInputError, match="Only Python jobs take secrets"):
        check_secrets(secrets, kind, "a.x")
