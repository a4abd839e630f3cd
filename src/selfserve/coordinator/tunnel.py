"""The way from this machine to a coordinator: a port of the loopback that leads to the node.

Never an open port: neither the node's, which no security group lets in, nor one of this
machine's for others. ssh where the cluster has a key pair, else Session Manager.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from selfserve.aws.session import Clients
from selfserve.coordinator.forwarder import Program, forwarding, free_port
from selfserve.coordinator.session_manager import find_plugin, plugin_program, plugin_version
from selfserve.coordinator.ssh import find_ssh, ssh_key_file, ssh_program
from selfserve.core.primary_node import PrimaryNode
from selfserve.errors import AwsError

QUERY_PORT = 8889
"""Where Trino and Presto listen on EMR, unless http-server.http.port says otherwise."""

_log = logging.getLogger(__name__)


@contextmanager
def open_tunnel(
    clients: Clients, node: PrimaryNode, *, port: int = QUERY_PORT, cache: Path
) -> Iterator[str]:
    """The URL of a port on 127.0.0.1 that leads to `port` of the node, while the block lasts.

    Args:
        clients: of the cluster's region.
        node: where to.
        port: the coordinator's.
        cache: a folder of this machine; the host keys of clusters are kept there.

    Raises:
        BadInputError: a program is missing, or the private key; the hint says how to get it.
        AwsError: the node cannot be reached, and why.
    """
    local_port = free_port()
    with ExitStack() as stack:
        if node.ssh_key is not None:
            program = _by_ssh(node, port=port, local_port=local_port, cache=cache)
        else:
            program = _by_session_manager(stack, clients, node, port=port, local_port=local_port)
        stack.enter_context(forwarding(program, port=local_port))
        yield f"http://127.0.0.1:{local_port}"


def _by_ssh(node: PrimaryNode, *, port: int, local_port: int, cache: Path) -> Program:
    ssh, key_file = find_ssh(), ssh_key_file()
    cache.mkdir(parents=True, exist_ok=True)
    return ssh_program(
        ssh,
        node,
        port=port,
        local_port=local_port,
        known_hosts=cache / "known_hosts",
        key_file=key_file,
    )


def _by_session_manager(
    stack: ExitStack, clients: Clients, node: PrimaryNode, *, port: int, local_port: int
) -> Program:
    """Opens the session; `stack` ends it, after the plugin."""
    from selfserve.aws.ssm import end_forwarding, start_forwarding  # noqa: PLC0415  not for ssh

    plugin = find_plugin()
    version = plugin_version(plugin)
    session = start_forwarding(clients, node.instance_id, port=port, local_port=local_port)

    def end() -> None:
        try:
            end_forwarding(clients, session)
        except AwsError as error:
            _log.warning("session %s ends by itself in 20 minutes: %s", session.id, error)

    stack.callback(end)
    return plugin_program(plugin, session, version=version)
