"""Ids in EMR's format.

Those of clusters, steps, fleets and groups are drawn from a source of
randomness that callers may replace. Those of instances follow from the fleet or
group and a number, so that the pure model can add instances by itself.
"""

import hashlib
import random
import string

SYSTEM = random.SystemRandom()

_ALPHABET = string.ascii_uppercase + string.digits
_LENGTH = 13


def new_cluster_id(randomness: random.Random = SYSTEM) -> str:
    """Such as j-3AY581YLLQP2D."""
    return _new("j", randomness)


def new_step_id(randomness: random.Random = SYSTEM) -> str:
    """Such as s-SGVW9B5LEXF5A."""
    return _new("s", randomness)


def new_fleet_id(randomness: random.Random = SYSTEM) -> str:
    """Such as if-2LSFE9WK3CYJM."""
    return _new("if", randomness)


def new_group_id(randomness: random.Random = SYSTEM) -> str:
    """Such as ig-1XK2T0QH8EZ4R."""
    return _new("ig", randomness)


def instance_id(group_id: str, number: int) -> str:
    """EMR's id (ci-…) of the `number`-th instance that this fleet or group ever had."""
    digits = int.from_bytes(_digest(group_id, number))
    tail = []
    for _ in range(_LENGTH):
        digits, position = divmod(digits, len(_ALPHABET))
        tail.append(_ALPHABET[position])
    return "ci-" + "".join(tail)


def ec2_id(group_id: str, number: int) -> str:
    """EC2's id (i-0…) of the `number`-th instance that this fleet or group ever had."""
    return "i-0" + _digest(group_id, number).hex()[:16]


def _new(prefix: str, randomness: random.Random) -> str:
    return f"{prefix}-" + "".join(randomness.choices(_ALPHABET, k=_LENGTH))


def _digest(group_id: str, number: int) -> bytes:
    return hashlib.sha256(f"{group_id}/{number}".encode()).digest()
