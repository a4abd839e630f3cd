"""The variables by which processes of the local target are known to belong to it.

Descendants inherit them, so whatever is started is found by a scan, also when
the daemon that started it is gone.
"""

from collections.abc import Mapping

HOME_VARIABLE = "SELFSERVE_LOCAL_HOME"
CLUSTER_VARIABLE = "SELFSERVE_CLUSTER"
PROCESS_VARIABLE = "SELFSERVE_PROCESS"
SERVICE_VARIABLE = "SELFSERVE_SERVICE"


def without_marks(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that is to outlive the step it may be started in."""
    marks = {CLUSTER_VARIABLE, PROCESS_VARIABLE, SERVICE_VARIABLE}
    return {name: value for name, value in environment.items() if name not in marks}
