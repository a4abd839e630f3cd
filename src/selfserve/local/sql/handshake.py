"""Client and worker prove to each other that they know the home's secret.

Before that neither unpickles anything of the other's. A stranger who connects and says
nothing holds up only the thread that was started for it.
"""

from multiprocessing.connection import Connection, answer_challenge, deliver_challenge


def prove(connection: Connection, secret: str) -> None:
    """The client's part. Raises AuthenticationError, OSError or EOFError."""
    answer_challenge(connection, secret.encode())
    deliver_challenge(connection, secret.encode())


def check(connection: Connection, secret: str) -> None:
    """The worker's part; raises the same."""
    deliver_challenge(connection, secret.encode())
    answer_challenge(connection, secret.encode())
