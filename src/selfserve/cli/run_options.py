"""How commands name a run."""

from typing import Annotated

import typer

RunOrCluster = Annotated[
    str,
    typer.Argument(
        metavar="RUN|CLUSTER",
        help="A run's id or its beginning, or a cluster for the newest run on it.",
    ),
]
