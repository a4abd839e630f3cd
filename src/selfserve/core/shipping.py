"""Decide which of the user's files never leave this machine, and say why.

Pure: callers pass names and what lies beside and inside. Every rule is a row of
tests/unit/test_shipping.py. Names are compared without regard to case, as the file
systems of macOS and Windows do.
"""

import re
from collections.abc import Container
from fnmatch import translate
from pathlib import PurePosixPath

_VERSIONS = "version control"
_COMPILED = "compiled Python"
_CACHE = "a cache"
_ENVIRONMENT = "a virtual environment"
_INSTALLED = "installed packages"
_BUILT = "what a build has made"
_SPARK = "left by Spark on this machine"
_DESKTOP = "left by the desktop or an editor"
_HISTORY = "a history of what was typed"
_CREDENTIALS = "may hold credentials"
_KEY = "may be a private key"
_RESERVED = "the archive has its own list of this name"

_FOLDERS = {
    _VERSIONS: ".git .hg .svn .bzr CVS",
    _COMPILED: "__pycache__",
    _CACHE: """
        .pytest_cache .mypy_cache .ruff_cache .cache .hypothesis .ipynb_checkpoints
        .virtual_documents .pytype .pyre .import_linter_cache .gradle .dvc""",
    _ENVIRONMENT: ".venv .tox .nox .direnv .pixi",
    _INSTALLED: "node_modules __pypackages__ bower_components",
    _BUILT: ".eggs *.egg-info",
    _SPARK: "spark-warehouse metastore_db",
    _DESKTOP: ".idea .vscode .vs .Trash .Spotlight-V100",
    _CREDENTIALS: """
        .env .aws .azure .gcloud .kube .docker .terraform .terraform.d .databricks .snowflake
        .oci .gsutil .gem .cargo .config .secrets .password-store""",
    _KEY: ".ssh .gnupg .pki .step",
}

_FILES = {
    _VERSIONS: ".git",
    _COMPILED: "*.pyc *.pyo",
    _CACHE: ".coverage .coverage.* .dmypy.json .eslintcache",
    _SPARK: "derby.log",
    _DESKTOP: ".DS_Store ._* Thumbs.db desktop.ini *.swp *.swo",
    _HISTORY: ".*_history .viminfo .lesshst",
    _CREDENTIALS: """
        .env .env.* *.env .envrc .envrc.* .netrc _netrc .netrc.* .pgpass pgpass.conf .my.cnf
        .mylogin.cnf .pypirc .npmrc .yarnrc .yarnrc.yml pip.conf pip.ini .git-credentials
        .gitconfig .dockercfg .dockerconfigjson .htpasswd .boto .s3cfg .passwd-s3fs
        .databrickscfg .snowsql .vault-token credentials credentials.json credentials.csv
        credentials.toml credentials.y*ml credentials.ini rootkey.csv *accesskeys.csv
        *_credentials.csv client_secret*.json service-account*.json service_account*.json
        serviceaccount*.json application_default_credentials.json azureauth.json secrets.json
        secrets.toml secrets.y*ml secrets.ini secret.json secret.y*ml token.json kaggle.json
        kubeconfig *.kubeconfig *.tfstate *.tfstate.* *.tfvars *.tfvars.json *.keytab krb5cc_*
        *.kdbx *.rdp *.publishsettings""",
    _KEY: """
        *.pem *.key *.p8 *.p12 *.pfx *.pk8 *.jks *.jceks *.keystore *.bcfks *.ppk *.ovpn id_rsa
        id_dsa id_ecdsa id_ecdsa_sk id_ed25519 id_ed25519_sk id_rsa.* id_dsa.* id_ecdsa.*
        id_ed25519.* *_rsa *_dsa *_ecdsa *_ed25519""",
}

_HARMLESS = ("*.example", "*.sample", "*.template", "*.dist", "*.pub")
"""`.env.example` is written to be shared, and `id_rsa.pub` to be given away."""


def _compile(rules: dict[str, str]) -> list[tuple[str, re.Pattern[str]]]:
    return [(reason, _any_of(names.casefold().split())) for reason, names in rules.items()]


def _any_of(globs: list[str] | tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob) for glob in globs))


_FOLDER_RULES = _compile(_FOLDERS)
_FILE_RULES = _compile(_FILES)
_HARMLESS_NAMES = _any_of(_HARMLESS)
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


def why_folder_is_not_shipped(
    path: PurePosixPath, *, inside: Container[str], beside: Container[str] = ()
) -> str | None:
    """Why nothing of the folder `path` is shipped; None when it may be.

    `inside` are the names in it, `beside` those in the folder that it is in.
    """
    if "pyvenv.cfg" in inside or "conda-meta" in inside:
        return _ENVIRONMENT
    if path.name in ("build", "dist") and _is_of_a_build(inside, beside):
        return _BUILT
    return _matching(path.name, _FOLDER_RULES)


def why_file_is_not_shipped(path: PurePosixPath) -> str | None:
    """Why the file `path`, relative to the root of what is shipped, is not; None when it may be."""
    if path == PurePosixPath("SHA256SUMS"):
        return _RESERVED
    if _HARMLESS_NAMES.match(path.name.casefold()):
        return None
    return _matching(path.name, _FILE_RULES)


def _is_of_a_build(inside: Container[str], beside: Container[str]) -> bool:
    """A folder that Python can import is somebody's package, whatever its name."""
    return "__init__.py" not in inside and any(name in beside for name in _PROJECT_FILES)


def _matching(name: str, rules: list[tuple[str, re.Pattern[str]]]) -> str | None:
    folded = name.casefold()
    return next((reason for reason, names in rules if names.match(folded)), None)
