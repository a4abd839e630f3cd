"""OpenSSH's client, for clusters whose profile names a key pair."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from selfserve.coordinator.forwarder import Program
from selfserve.core.primary_node import PrimaryNode
from selfserve.errors import AwsError, BadInputError, SelfserveError

KEY_FILE_VARIABLE = "SELFSERVE_SSH_KEY_FILE"
_USER = "hadoop"  # of every EMR release
_CONNECT_TIMEOUT_S = 15
_NAME_THE_KEY = f"Name the private key: export {KEY_FILE_VARIABLE}=~/.ssh/NAME.pem"
_UNREACHABLE = (
    "The primary node cannot be reached from here: connect to the VPN, or have your address "
    "allowed to port 22; or remove ssh_key from the profile to use Session Manager."
)
_HINTS = (
    (
        "UNPROTECTED PRIVATE KEY FILE|bad permissions",
        f'Let nobody else read the key: chmod 600 "${KEY_FILE_VARIABLE}"',
    ),
    ("Permission denied|Too many authentication failures", _NAME_THE_KEY),
    (
        "HOST IDENTIFICATION HAS CHANGED|Host key verification failed",
        "The node has another host key than before. Ask whoever looks after the network first.",
    ),
    (
        "Could not resolve|Name or service not known|timed out|No route|unreachable|refused",
        _UNREACHABLE,
    ),
)


def find_ssh() -> str:
    """Where ssh is.

    Raises:
        BadInputError: it is not installed.
    """
    found = shutil.which("ssh")
    if found is None:
        raise BadInputError(
            "The profile's ssh_key needs ssh, which is not installed.",
            hint="Install it with: sudo apt-get install -y openssh-client; or remove ssh_key "
            "from the profile to use Session Manager.",
        )
    return found


def ssh_key_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The private key that SELFSERVE_SSH_KEY_FILE names; None leaves the choice to ssh.

    Raises:
        BadInputError: there is no such file.
    """
    named = environ.get(KEY_FILE_VARIABLE)
    if not named:
        return None
    path = Path(named).expanduser()
    if not path.is_file():
        raise BadInputError(
            f"{KEY_FILE_VARIABLE} names {path}, which is no file.",
            hint=f"{_NAME_THE_KEY}; or let ssh choose: unset {KEY_FILE_VARIABLE}",
        )
    return path


def ssh_program(
    ssh: str,
    node: PrimaryNode,
    *,
    port: int,
    local_port: int,
    known_hosts: Path,
    key_file: Path | None = None,
) -> Program:
    """What forwards `local_port` of the loopback to `port` of the node.

    Host keys are kept by cluster, in a file of our own: other clusters will have the
    same address, and nobody wants them in ~/.ssh/known_hosts.
    """
    options = {
        "BatchMode": "yes",  # asks nothing
        "ExitOnForwardFailure": "yes",
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": str(known_hosts),
        "HostKeyAlias": node.cluster_id,
        "ConnectTimeout": str(_CONNECT_TIMEOUT_S),
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "4",
        "ControlPath": "none",  # a shared connection would outlive us
    }
    identity = [] if key_file is None else ["-i", str(key_file), "-o", "IdentitiesOnly=yes"]
    return Program(
        arguments=[
            ssh,
            "-N",
            "-L",
            f"127.0.0.1:{local_port}:{node.private_dns}:{port}",
            *(part for name, value in options.items() for part in ("-o", f"{name}={value}")),
            *identity,
            f"{_USER}@{node.dns}",
        ],
        explain=_explain,
    )


def _explain(said: str) -> SelfserveError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else "it said nothing"
    hint = next(
        (hint for pattern, hint in _HINTS if re.search(pattern, said, re.IGNORECASE)),
        "Remove ssh_key from the profile to use Session Manager.",
    )
    return AwsError(f"ssh to the cluster's primary node failed: {last}", hint=hint)
