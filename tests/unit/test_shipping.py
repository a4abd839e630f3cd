"""What never leaves this machine: every rule is a row."""

from pathlib import PurePosixPath

import pytest

from selfserve.core.shipping import why_file_is_not_shipped, why_folder_is_not_shipped


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".git", "version control"),  # of a worktree or submodule, a file
        ("job.pyc", "compiled Python"),
        (".coverage", "a cache"),
        ("derby.log", "left by Spark on this machine"),
        (".DS_Store", "left by the desktop or an editor"),
        ("._job.py", "left by the desktop or an editor"),
        (".bash_history", "a history of what was typed"),
        (".python_history", "a history of what was typed"),
        (".env", "may hold credentials"),
        (".ENV", "may hold credentials"),
        (".env.production", "may hold credentials"),
        ("prod.env", "may hold credentials"),
        (".envrc", "may hold credentials"),
        (".netrc", "may hold credentials"),
        ("_netrc", "may hold credentials"),
        (".pgpass", "may hold credentials"),
        (".pypirc", "may hold credentials"),
        (".npmrc", "may hold credentials"),
        ("pip.conf", "may hold credentials"),
        (".git-credentials", "may hold credentials"),
        ("credentials", "may hold credentials"),
        ("credentials.json", "may hold credentials"),
        ("ada_accessKeys.csv", "may hold credentials"),
        ("service-account-prod.json", "may hold credentials"),
        ("client_secret_123.json", "may hold credentials"),
        ("secrets.yml", "may hold credentials"),
        ("terraform.tfstate", "may hold credentials"),
        ("terraform.tfstate.backup", "may hold credentials"),
        ("prod.tfvars", "may hold credentials"),
        ("user.keytab", "may hold credentials"),
        ("kubeconfig", "may hold credentials"),
        ("server.pem", "may be a private key"),
        ("SERVER.PEM", "may be a private key"),
        ("server.key", "may be a private key"),
        ("store.p12", "may be a private key"),
        ("store.pfx", "may be a private key"),
        ("store.jks", "may be a private key"),
        ("my.keystore", "may be a private key"),
        ("id_rsa", "may be a private key"),
        ("id_ed25519", "may be a private key"),
        ("id_rsa.old", "may be a private key"),
        ("deploy_rsa", "may be a private key"),
        ("SHA256SUMS", "the archive has its own list of this name"),
    ],
)
def test_a_file_that_is_never_shipped(name: str, reason: str) -> None:
    assert why_file_is_not_shipped(PurePosixPath(name)) == reason


@pytest.mark.parametrize(
    "name",
    [
        "job.py",
        "secrets.py",
        "credentials.py",
        "keys.py",
        "env.py",
        ".env.example",
        ".env.sample",
        "id_rsa.pub",
        "data.csv",
        "model.pkl",
        "config.yaml",
        "history.txt",
        ".gitignore",
        "data/SHA256SUMS",
        "Makefile",
    ],
)
def test_a_file_that_is_shipped(name: str) -> None:
    assert why_file_is_not_shipped(PurePosixPath(name)) is None


def test_a_secret_is_one_wherever_it_lies() -> None:
    assert why_file_is_not_shipped(PurePosixPath("a/b/.env")) == "may hold credentials"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".git", "version control"),
        (".hg", "version control"),
        (".svn", "version control"),
        ("__pycache__", "compiled Python"),
        (".pytest_cache", "a cache"),
        (".mypy_cache", "a cache"),
        (".ruff_cache", "a cache"),
        (".ipynb_checkpoints", "a cache"),
        (".venv", "a virtual environment"),
        (".tox", "a virtual environment"),
        (".nox", "a virtual environment"),
        ("node_modules", "installed packages"),
        (".eggs", "what a build has made"),
        ("demo.egg-info", "what a build has made"),
        ("spark-warehouse", "left by Spark on this machine"),
        ("metastore_db", "left by Spark on this machine"),
        (".idea", "left by the desktop or an editor"),
        (".aws", "may hold credentials"),
        (".AWS", "may hold credentials"),
        (".docker", "may hold credentials"),
        (".kube", "may hold credentials"),
        (".env", "may hold credentials"),
        (".ssh", "may be a private key"),
        (".gnupg", "may be a private key"),
    ],
)
def test_a_folder_that_is_never_shipped(name: str, reason: str) -> None:
    assert why_folder_is_not_shipped(PurePosixPath("a", name), inside=()) == reason


@pytest.mark.parametrize("name", ["lib", "credentials", "secrets", "data", "env", "venv", "aws"])
def test_a_folder_that_is_shipped(name: str) -> None:
    assert why_folder_is_not_shipped(PurePosixPath(name), inside=["a.py"]) is None


@pytest.mark.parametrize("marker", ["pyvenv.cfg", "conda-meta"])
def test_a_virtual_environment_is_known_by_what_is_in_it(marker: str) -> None:
    found = why_folder_is_not_shipped(PurePosixPath("anything"), inside=["bin", marker])

    assert found == "a virtual environment"


@pytest.mark.parametrize("name", ["build", "dist"])
@pytest.mark.parametrize(
    ("beside", "inside", "is_shipped"),
    [
        pytest.param(["pyproject.toml"], ["lib"], False, id="made-by-a-build"),
        pytest.param(["setup.py"], ["lib"], False, id="made-by-an-old-build"),
        pytest.param(["job.py"], ["lib"], True, id="not-beside-a-project"),
        pytest.param(["pyproject.toml"], ["__init__.py"], True, id="somebodys-package"),
    ],
)
def test_build_and_dist_are_left_out_beside_a_project_only(
    name: str, beside: list[str], inside: list[str], *, is_shipped: bool
) -> None:
    reason = why_folder_is_not_shipped(PurePosixPath(name), inside=inside, beside=beside)

    assert reason == (None if is_shipped else "what a build has made")
