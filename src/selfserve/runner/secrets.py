"""Resolve references to secrets, on the cluster and with the cluster's own permissions.

Values stay in memory: they come through a pipe or the JVM, and go into the
environment of the job's process. They are never in an argument, a file or a message.
"""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, List, Sequence

from .errors import SecretError
from .java import reason_of
from .submission import Secret

Read = Callable[[str], bytes]

_AT_ONCE = 4
_AWS_LIMIT_S = 60
# spark-submit sets these for PySpark; the AWS CLI is a Python program with a Python of its own.
_NOT_FOR_AWS = ("PYTHONPATH", "PYTHONHOME")


def resolve_secrets(secrets: Sequence[Secret], read: Read) -> Dict[str, str]:
    """Return environment variables; `read` returns the content of an s3:// URI.

    Raises:
        SecretError: one cannot be resolved; says which and why, never its value.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        values = list(pool.map(lambda secret: _resolve(secret, read), secrets))
    return {secret.name: value for secret, value in zip(secrets, values)}


def _resolve(secret: Secret, read: Read) -> str:
    try:
        value = _fetch(secret.reference, read)
    except UnicodeDecodeError:
        raise _error(secret, "its content is not text in UTF-8") from None
    except Exception as error:  # py4j, Hadoop and S3 raise what they like
        raise _error(secret, reason_of(error)) from error
    if "\0" in value:
        raise _error(secret, "it has a null character, which no environment variable can hold")
    return value


def _fetch(reference: str, read: Read) -> str:
    if reference.startswith("s3://"):
        return _without_last_newline(read(reference).decode("utf-8"))
    parts = reference.split(":", 5)
    if len(parts) == 6 and parts[2] == "secretsmanager":
        return _from_secrets_manager(reference, parts[3])
    if len(parts) == 6 and parts[2] == "ssm":
        command = ["ssm", "get-parameter", "--with-decryption", "--name", reference]
        return _aws([*command, "--query", "Parameter.Value"], parts[3])
    raise ValueError("it is neither an ARN of Secrets Manager or SSM nor an s3:// URI")


def _from_secrets_manager(reference: str, region: str) -> str:
    secret_id, _, key = reference.partition("#")
    command = ["secretsmanager", "get-secret-value", "--secret-id", secret_id]
    value = _aws([*command, "--query", "SecretString"], region)
    if value == "None":  # how the AWS CLI writes null
        raise ValueError("it holds binary data, not text")
    return _pick(value, key) if key else value


def _pick(text: str, key: str) -> str:
    try:
        fields = json.loads(text)
    except ValueError:  # its message would quote the secret
        raise ValueError(f"it is no JSON, so it has no key {key}") from None
    if not isinstance(fields, dict) or key not in fields:
        raise ValueError(f"its JSON has no key {key}")
    value = fields[key]
    return value if isinstance(value, str) else json.dumps(value)


def _aws(arguments: List[str], region: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_AWS}
    try:
        done = subprocess.run(
            ["aws", *arguments, "--output", "text", "--region", region],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=_AWS_LIMIT_S,
            check=False,
        )
    except FileNotFoundError:
        raise ValueError("this node has no `aws` command") from None
    except subprocess.TimeoutExpired:  # holds what was printed until then
        raise ValueError(f"AWS did not answer within {_AWS_LIMIT_S} s") from None
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(lines[-1] if lines else f"`aws` ended with code {done.returncode}")
    return _without_last_newline(done.stdout.decode("utf-8"))


def _without_last_newline(text: str) -> str:
    return text[:-1] if text.endswith("\n") else text


def _error(secret: Secret, why: str) -> SecretError:
    return SecretError(f"Cannot resolve the secret {secret.name} ({secret.reference}): {why}.")
