"""Give a Place the connections that make it a Target.

Apart from where places come from: the sweeper in AWS Lambda has neither the user's
configuration nor the packages that read it.
"""

from dataclasses import fields, replace

from selfserve.backends.base import Backend, ObjectStore
from selfserve.usecases.targets.clock import CorrectedClock
from selfserve.usecases.targets.target import AWS_PACE, Pace, Place, Target


def connect_aws(place: Place) -> Target:
    """Take credentials the AWS way; sends nothing yet.

    Raises:
        AwsError: AWS_PROFILE names no profile, or the AWS configuration cannot be read.
    """
    from selfserve.aws.s3 import S3Store
    from selfserve.aws.session import make_clients
    from selfserve.backends.emr.backend import EmrBackend
    from selfserve.backends.emr.observer import EmrObserver

    clients = make_clients(place.region)
    store = S3Store(clients.s3, place.bucket)
    clock = CorrectedClock(clients.skew)
    target = connect(place, EmrBackend(clients), store, AWS_PACE)
    return replace(target, observer=EmrObserver(clients, clock.now), clock=clock)


def connect(
    place: Place, backend: Backend, store: ObjectStore, pace: Pace, *, state: str = ""
) -> Target:
    """The place with these connections."""
    facts = {known.name: getattr(place, known.name) for known in fields(Place)}
    return Target(**facts, backend=backend, store=store, pace=pace, state=state)
