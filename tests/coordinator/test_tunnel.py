"""The tunnel: through programs that forward a port as the real ones do, and leave nothing."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, cast

import psutil
import pytest
from botocore.client import BaseClient
from botocore.stub import Stubber

from coordinator import fake_forwarder
from coordinator.conftest import coordinator_of
from loopback import Answer, loopback
from selfserve.aws.session import make_clients
from selfserve.coordinator import forwarder
from selfserve.coordinator.client import open_answer
from selfserve.coordinator.forwarder import Program, forwarding, free_port
from selfserve.coordinator.session_manager import install_command
from selfserve.coordinator.ssh import ssh_key_file, ssh_program
from selfserve.coordinator.tunnel import open_tunnel
from selfserve.core.primary_node import PrimaryNode
from selfserve.errors import AwsError, BadInputError
from trino_server import TrinoServer

BY_SESSION = PrimaryNode("j-2AXXXXXXGAPLF", "i-0123456789abcdef0", "ip-10-0-0-7.ec2.internal")
BY_SSH = replace(BY_SESSION, ssh_key="analysts")
SESSION = {
    "SessionId": "ada-0123456789abcdef0",
    "TokenValue": "a secret",
    "StreamUrl": "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/ada-0123?role=publish",
}
BOTH = pytest.mark.parametrize("node", [BY_SESSION, BY_SSH], ids=["session-manager", "ssh"])


class House:
    """Fake programs on PATH, what they wrote down, and AWS's answers."""

    def __init__(self, folder: Path, target: int, patch: pytest.MonkeyPatch) -> None:
        self.cache = folder / "cache"
        self.clients = make_clients("eu-west-1")
        self.port = 0
        self._notes = folder
        programs = folder / "bin"
        programs.mkdir()
        for name in ("session-manager-plugin", "ssh"):
            script = programs / name
            script.write_text(f'#!/bin/sh\nexec {sys.executable} {fake_forwarder.__file__} "$@"\n')
            script.chmod(0o755)
        patch.setenv("PATH", str(programs))
        patch.setenv("FORWARDER_NOTES", str(folder))
        patch.setenv("FORWARDER_TARGET", str(target))
        patch.setattr("selfserve.coordinator.tunnel.free_port", self._choose_port)

    def _choose_port(self) -> int:
        self.port = free_port()
        return self.port

    @property
    def notes(self) -> dict[str, Any]:
        """What the program was given."""
        found: dict[str, Any] = json.loads((self._notes / "notes.json").read_text())
        return found

    def is_clean(self) -> bool:
        """Whether no process of the tunnel is left, and its port is closed.

        The killed need not be gone at once.
        """
        left, deadline = [self.notes["pid"], self.notes["child"]], monotonic() + 30
        while left and monotonic() < deadline:
            left = [pid for pid in left if is_alive(pid)]
        with socket.socket() as probe:
            return not left and probe.connect_ex(("127.0.0.1", self.port)) != 0


def is_alive(pid: int) -> bool:
    """Zombies whose new parent has not looked yet are dead."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def house(tmp_path: Path, server: TrinoServer, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, server.port, monkeypatch)


@pytest.fixture
def ssm(house: House) -> Iterator[Stubber]:
    """Opens one session, and closes it."""
    with Stubber(cast("BaseClient", house.clients.ssm)) as stubber:
        yield stubber


def expect_session(ssm: Stubber, node: PrimaryNode) -> None:
    if node.ssh_key is None:
        ssm.add_response("start_session", SESSION)
        ssm.add_response("terminate_session", {}, {"SessionId": SESSION["SessionId"]})


@BOTH
def test_a_query_goes_through_the_tunnel(
    house: House, ssm: Stubber, server: TrinoServer, node: PrimaryNode
) -> None:
    expect_session(ssm, node)

    with open_tunnel(house.clients, node, cache=house.cache) as url:
        coordinator = replace(coordinator_of(server), url=url)
        rows = [row for batch in open_answer(coordinator, "SELECT 1").batches() for row in batch]

    assert rows == [(1,)]
    assert url == f"http://127.0.0.1:{house.port}"
    assert url != server.url
    assert house.is_clean()
    ssm.assert_no_pending_responses()


def interrupt() -> None:
    raise KeyboardInterrupt


def fail() -> None:
    raise ZeroDivisionError


@BOTH
@pytest.mark.parametrize("trouble", [interrupt, fail])
def test_nothing_is_left_whatever_ends_the_block(
    house: House, ssm: Stubber, node: PrimaryNode, trouble: Callable[[], None]
) -> None:
    expect_session(ssm, node)

    with (
        pytest.raises((KeyboardInterrupt, ZeroDivisionError)),
        open_tunnel(house.clients, node, cache=house.cache),
    ):
        trouble()

    assert house.is_clean()
    assert house.notes["group"] != os.getpgid(0), "Ctrl-C would reach it"
    ssm.assert_no_pending_responses()


def test_a_program_that_does_not_want_to_end_is_made_to(
    house: House, ssm: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "_ENDS_WITHIN_S", 0.2)
    monkeypatch.setenv("FORWARDER_DEAF", "1")
    expect_session(ssm, BY_SESSION)

    with open_tunnel(house.clients, BY_SESSION, cache=house.cache):
        assert is_alive(house.notes["pid"])

    assert house.is_clean()


def test_a_program_that_never_listens_is_given_up() -> None:
    program = Program(
        [sys.executable, "-c", "import signal; print('still trying', flush=True); signal.pause()"],
        explain=lambda said: AwsError(f"gave up: {said.strip()}", hint="none"),
    )

    with (
        pytest.raises(AwsError, match="gave up"),
        forwarding(program, port=free_port(), within_s=1),
    ):
        pytest.fail("the tunnel is not open")


# Session Manager.


def test_the_session_is_for_the_coordinators_port_alone(house: House, ssm: Stubber) -> None:
    parameters = {"portNumber": ["8889"], "localPortNumber": ["40123"]}
    ssm.add_response(
        "start_session",
        SESSION,
        {
            "Target": "i-0123456789abcdef0",
            "DocumentName": "AWS-StartPortForwardingSession",
            "Parameters": parameters,
        },
    )
    ssm.add_response("terminate_session", {}, {"SessionId": SESSION["SessionId"]})

    from selfserve.aws.ssm import end_forwarding, start_forwarding

    session = start_forwarding(house.clients, BY_SESSION.instance_id, port=8889, local_port=40123)
    end_forwarding(house.clients, session)

    assert session.endpoint_url == "https://ssm.eu-west-1.amazonaws.com"
    assert "a secret" not in repr(session)
    ssm.assert_no_pending_responses()


@pytest.mark.parametrize("version", ["1.2.764.0", "1.2.497.0", "unreadable"])
def test_the_plugin_is_given_what_the_aws_cli_gives_it(
    house: House, ssm: Stubber, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("FORWARDER_VERSION", version)
    expect_session(ssm, BY_SESSION)
    with open_tunnel(house.clients, BY_SESSION, cache=house.cache):
        ours = house.notes

    theirs = what_the_aws_cli_gives(house, monkeypatch)

    assert ours["arguments"][:4] == theirs["arguments"][:4]
    assert json.loads(ours["arguments"][4]) == json.loads(theirs["arguments"][4])
    assert ours["arguments"][5] == "https://ssm.eu-west-1.amazonaws.com"
    assert ours["response"] == theirs["response"]
    assert ("a secret" in str(ours["arguments"])) is (version != "1.2.764.0")


def what_the_aws_cli_gives(house: House, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The same session, opened with `aws ssm start-session`."""
    monkeypatch.setenv("FORWARDER_SAYS", "enough")
    parameters = {"portNumber": ["8889"], "localPortNumber": [str(house.port)]}
    with loopback(Answer(200, json.dumps(SESSION).encode())) as aws:
        subprocess.run(
            [
                sys.executable, "-m", "awscli", "ssm", "start-session",
                "--region", "eu-west-1", "--endpoint-url", aws.url,
                "--target", BY_SESSION.instance_id,
                "--document-name", "AWS-StartPortForwardingSession",
                "--parameters", json.dumps(parameters),
            ],
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
    return house.notes


def test_a_missing_plugin_is_noticed_before_a_session_is_opened(
    house: House, ssm: Stubber, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with (
        pytest.raises(BadInputError, match="not installed") as raised,
        open_tunnel(house.clients, BY_SESSION, cache=house.cache),
    ):
        pytest.fail("the tunnel is not open")

    assert "Install it with: " in raised.value.hint
    ssm.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("system", "machine", "has"),
    [
        ("Darwin", "arm64", "brew install --cask session-manager-plugin"),
        ("Linux", "x86_64", "/linux_64bit/session-manager-plugin.rpm"),
        ("Linux", "aarch64", "/linux_arm64/session-manager-plugin.rpm"),
    ],
)
def test_the_plugin_can_be_installed_with_one_command(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, has: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert has in install_command(system, machine)


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        ("TargetNotConnected", "does not reach i-0123", "AmazonSSMManagedInstanceCore"),
        ("AccessDeniedException", "may not open a session", "ssm:StartSession"),
        ("ThrottlingException", "Refused while opening a session", "rate limiting"),
    ],
)
def test_why_no_session_opens_is_told(
    house: House, ssm: Stubber, code: str, message: str, hint: str
) -> None:
    ssm.add_client_error("start_session", code, "as AWS says")

    with (
        pytest.raises(AwsError, match=message) as raised,
        open_tunnel(house.clients, BY_SESSION, cache=house.cache),
    ):
        pytest.fail("the tunnel is not open")

    assert hint in raised.value.hint


def test_a_plugin_that_fails_is_quoted_and_its_session_ended(
    house: House, ssm: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "Starting session with SessionId: x\nUnable to open the data channel\n"
    monkeypatch.setenv("FORWARDER_SAYS", said)
    expect_session(ssm, BY_SESSION)

    with (
        pytest.raises(AwsError, match="did not open: Unable to open the data channel"),
        open_tunnel(house.clients, BY_SESSION, cache=house.cache),
    ):
        pytest.fail("the tunnel is not open")

    assert house.is_clean()
    ssm.assert_no_pending_responses()


def test_a_session_that_cannot_be_ended_hides_no_other_error(house: House, ssm: Stubber) -> None:
    ssm.add_response("start_session", SESSION)
    ssm.add_client_error("terminate_session", "AccessDeniedException", "no")

    with (
        pytest.raises(ZeroDivisionError),
        open_tunnel(house.clients, BY_SESSION, cache=house.cache),
    ):
        fail()


# ssh.


def test_ssh_is_told_to_open_nothing_but_the_loopback_and_to_ask_nothing(
    house: House, ssm: Stubber, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = tmp_path / "analysts.pem"
    key.write_text("a key")
    monkeypatch.setenv("SELFSERVE_SSH_KEY_FILE", str(key))
    with open_tunnel(house.clients, BY_SSH, cache=house.cache):
        arguments = house.notes["arguments"]

    assert arguments[:3] == ["-N", "-L", f"127.0.0.1:{house.port}:ip-10-0-0-7.ec2.internal:8889"]
    assert arguments[-1] == "hadoop@ip-10-0-0-7.ec2.internal"
    assert arguments[arguments.index("-i") + 1] == str(key)
    for option in (
        "ExitOnForwardFailure=yes",
        "BatchMode=yes",
        "StrictHostKeyChecking=accept-new",
        f"UserKnownHostsFile={house.cache / 'known_hosts'}",
        "HostKeyAlias=j-2AXXXXXXGAPLF",
    ):
        assert arguments[arguments.index(option) - 1] == "-o"
    ssm.assert_no_pending_responses()


@pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed here")
def test_the_real_ssh_understands_these_options(tmp_path: Path) -> None:
    program = ssh_program(
        shutil.which("ssh") or "", BY_SSH, port=8889, local_port=40123,
        known_hosts=tmp_path / "known_hosts", key_file=tmp_path / "key.pem",
    )  # fmt: skip
    ssh, *arguments = program.arguments

    done = subprocess.run(
        [ssh, "-G", "-F", "/dev/null", *arguments], capture_output=True, text=True, check=True
    )

    understood = done.stdout.lower().splitlines()
    assert "exitonforwardfailure yes" in understood
    assert "batchmode yes" in understood
    assert "stricthostkeychecking accept-new" in understood
    assert "hostkeyalias j-2axxxxxxgaplf" in understood
    assert "user hadoop" in understood
    assert "localforward [127.0.0.1]:40123 [ip-10-0-0-7.ec2.internal]:8889" in understood


def test_the_public_name_is_the_way_in_and_the_private_one_the_way_on(tmp_path: Path) -> None:
    node = replace(BY_SSH, public_dns="ec2-1-2-3-4.compute.amazonaws.com")

    program = ssh_program(
        "ssh", node, port=8889, local_port=40123, known_hosts=tmp_path / "known_hosts"
    )

    assert program.arguments[-1] == "hadoop@ec2-1-2-3-4.compute.amazonaws.com"
    assert "127.0.0.1:40123:ip-10-0-0-7.ec2.internal:8889" in program.arguments
    assert "-i" not in program.arguments


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("hadoop@ip: Permission denied (publickey).", "SELFSERVE_SSH_KEY_FILE"),
        ("ssh: connect to host ip port 22: Connection timed out", "VPN"),
        ("ssh: connect to host ip port 22: No route to host", "VPN"),
        ("ssh: Could not resolve hostname ip: Name or service not known", "VPN"),
        ("WARNING: UNPROTECTED PRIVATE KEY FILE!\nhadoop@ip: Permission denied", "chmod 600"),
        ("Host key verification failed.", "another host key"),
        ("something else", "Session Manager"),
    ],
)
def test_why_ssh_failed_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch, said: str, hint: str
) -> None:
    monkeypatch.setenv("FORWARDER_SAYS", said)

    with (
        pytest.raises(AwsError) as raised,
        open_tunnel(house.clients, BY_SSH, cache=house.cache),
    ):
        pytest.fail("the tunnel is not open")

    assert said.splitlines()[-1] in str(raised.value)
    assert hint in raised.value.hint


def test_a_private_key_that_is_not_there_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is no file"):
        ssh_key_file({"SELFSERVE_SSH_KEY_FILE": str(tmp_path / "absent.pem")})

    assert ssh_key_file({}) is None
