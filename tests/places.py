"""The places that the contract suite runs over.

A new place is one entry here, one fixture `<place>_backend` or `<place>_store`
in contract/conftest.py, and, where it cannot do something, one entry in CANNOT.
The facts hold on a place that has other clusters and objects too.
"""

from dataclasses import dataclass

import pytest

from selfserve.backends.base import Backend

LOCAL = pytest.param("local", marks=pytest.mark.spark)
BACKENDS = ["fake", "moto", LOCAL]
STORES = ["memory", "moto", LOCAL]

# moto 5.2 raises Python errors for these, or keeps no such state.
CANNOT = {
    "moto": {
        "cancel steps",
        "list fleets",
        "move steps",
        "refuse steps on a cluster that is over",
        "scale",
        "tell unknown clusters by the right error",
    }
}


@dataclass(frozen=True)
class Place:
    """A backend, and what its surroundings cannot do."""

    name: str
    backend: Backend

    def needs(self, *abilities: str) -> None:
        """Skip the test where one of these is missing."""
        missing = CANNOT.get(self.name, set()).intersection(abilities)
        if missing:
            pytest.skip(f"{self.name} cannot {', '.join(sorted(missing))}")
