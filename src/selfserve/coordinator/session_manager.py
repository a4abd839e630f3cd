"""AWS's session-manager-plugin, which speaks the protocol of a Session Manager session.

It is given what the AWS CLI gives it (awscli/customizations/sessionmanager.py). There is no
well-kept Python library for that protocol: aws-ssm-bridge on PyPI comes as source only, and
needs a Rust compiler to install.
"""

import json
import platform
import re
import shutil
import subprocess

from selfserve.aws.ssm import ForwardingSession
from selfserve.coordinator.forwarder import Program
from selfserve.errors import AwsError, BadInputError, SelfserveError

_PLUGIN = "session-manager-plugin"
_ANSWERS_WITHIN_S = 20
_RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
_LAST_WITHOUT_VARIABLE = (1, 2, 497, 0)
_DOWNLOADS = "https://s3.amazonaws.com/session-manager-downloads/plugin/latest"
_CHATTER = re.compile(
    r"^(Starting session|Port \d+ opened|Waiting for|Connection accepted|Exiting)"
)


def find_plugin() -> str:
    """Where the plugin is.

    Raises:
        BadInputError: it is not installed; the hint has the command that installs it.
    """
    found = shutil.which(_PLUGIN)
    if found is None:
        raise BadInputError(
            f"AWS's {_PLUGIN} is not installed; it leads to the cluster's coordinator.",
            hint=f"{install_command(platform.system(), platform.machine())} "
            "(other ways: docs/how-to/query-on-aws.md)",
        )
    return found


def install_command(system: str, machine: str) -> str:
    """What installs the plugin on such a machine, from AWS's documentation."""
    if system == "Darwin":
        return "Install it with: brew install --cask session-manager-plugin"
    arm = machine.lower() in {"arm64", "aarch64"}
    if shutil.which("dpkg"):
        at = f"{_DOWNLOADS}/ubuntu_{'arm64' if arm else '64bit'}/{_PLUGIN}.deb"
        return f"Install it with: curl -fo /tmp/smp.deb {at} && sudo dpkg -i /tmp/smp.deb"
    at = f"{_DOWNLOADS}/linux_{'arm64' if arm else '64bit'}/{_PLUGIN}.rpm"
    return f"Install it with: sudo dnf install -y {at}"


def plugin_version(plugin: str) -> tuple[int, ...]:
    """The plugin's version; nothing for one that cannot be read."""
    try:
        done = subprocess.run(
            [plugin, "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=_ANSWERS_WITHIN_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BadInputError(
            f"{plugin} cannot be run: {error}", hint=f"Install {_PLUGIN} anew."
        ) from error
    found = re.fullmatch(r"\d+(\.\d+){0,3}", done.stdout.strip())
    return tuple(map(int, found.group().split("."))) if found else ()


def plugin_program(plugin: str, session: ForwardingSession, *, version: tuple[int, ...]) -> Program:
    """What runs the session. Its token goes through the environment if the plugin can read it."""
    response = json.dumps(
        {
            "SessionId": session.id,
            "TokenValue": session.token,
            "StreamUrl": session.stream_url,
        }
    )
    by_variable = version > _LAST_WITHOUT_VARIABLE
    return Program(
        arguments=[
            plugin,
            _RESPONSE_VARIABLE if by_variable else response,
            session.region,
            "StartSession",
            session.profile,
            json.dumps(session.request),
            session.endpoint_url,
        ],
        explain=_explain,
        environment={_RESPONSE_VARIABLE: response} if by_variable else {},
    )


def _explain(said: str) -> SelfserveError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not _CHATTER.match(line)] or lines
    last = telling[-1] if telling else "it said nothing"
    return AwsError(
        f"The session to the cluster did not open: {last}",
        hint="Check that this machine reaches ssmmessages.REGION.amazonaws.com, then try again; "
        "or name an ssh_key in the profile.",
    )
