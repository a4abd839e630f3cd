"""Find what `--on` names in the user's configuration, and connect to it."""

import os
import re
from collections.abc import Callable, Mapping

from selfserve.core.did_you_mean import did_you_mean
from selfserve.errors import BadInputError
from selfserve.local.endpoint import ACCESS_KEY_PREFIX, ACCOUNT, BUCKET, REGION, LocalEndpoint
from selfserve.usecases.targets.settings import BUCKET_NAME, AwsSettings, Settings, load_settings
from selfserve.usecases.targets.target import AWS, LOCAL, LOCAL_PACE, Place, Target


class ConfiguredTargets:
    """Targets of the user's configuration, on this machine and on AWS."""

    def __init__(self, load: Callable[[], Settings] = load_settings) -> None:
        self._load = load

    def place(self, on: str | None) -> Place:
        """Find out where, without connecting.

        Raises:
            BadInputError: there is no such target, or its configuration lacks something.
        """
        settings = self._load()
        chosen = on or settings.default_on
        if chosen == LOCAL:
            return _local_place(settings)
        kind, _, entry = chosen.partition(":")
        if kind != AWS or (entry and entry not in settings.targets):
            raise _unknown_target(chosen, settings.targets)
        _refuse_local_keys(chosen)
        return _aws_place(settings, label=chosen, entry=entry or AWS)

    def open(self, on: str | None) -> Target:
        """Connect; starts the local daemon if need be."""
        place = self.place(on)
        if not place.is_local:
            return _connect_aws(place)
        from selfserve.local.daemon_client import ensure_running

        return _connect_local(place, ensure_running())

    def peek(self, on: str | None) -> Target | None:
        """Connect if that starts nothing."""
        place = self.place(on)
        if not place.is_local:
            return _connect_aws(place)
        from selfserve.local.daemon_client import running

        endpoint = running()
        return _connect_local(place, endpoint) if endpoint else None


def _connect_aws(place: Place) -> Target:
    from selfserve.usecases.targets.connecting import connect_aws

    return connect_aws(place)


def _local_place(settings: Settings) -> Place:
    return Place(
        kind=LOCAL,
        label=LOCAL,
        region=REGION,
        bucket=BUCKET,
        installation="main",
        user=settings.user,
        team=settings.team,
        find_account=lambda: ACCOUNT,
    )


def _aws_place(settings: Settings, *, label: str, entry: str) -> Place:
    configured = settings.targets.get(entry, AwsSettings())
    region = _find_region(configured, settings)
    return Place(
        kind=AWS,
        label=label,
        region=region,
        bucket=_find_bucket(configured, settings, entry),
        installation=configured.installation,
        user=settings.user,
        team=settings.team or configured.team,
        subnets=configured.subnets,
        security_configuration=configured.security_configuration,
        find_account=lambda: configured.account or _fetch_account(region),
    )


def _find_region(configured: AwsSettings, settings: Settings) -> str:
    """The target's own region, else the one AWS's own tools would use."""
    region = configured.region or settings.region
    if region is None:
        from selfserve.aws.session import configured_region

        region = configured_region()
    if region is None:
        raise BadInputError(
            "No AWS region is set.",
            hint="Set one: export AWS_REGION=eu-west-1 (or your own region)",
        )
    return region


def _find_bucket(configured: AwsSettings, settings: Settings, entry: str) -> str:
    bucket = settings.bucket or configured.bucket
    if bucket is None:
        raise BadInputError(
            "No S3 bucket is set for AWS; selfserve keeps launches, packages and logs in one.",
            hint="Name one: export SELFSERVE_BUCKET=my-bucket, or write to "
            f"{settings.config_file}: targets: {{{entry}: {{bucket: my-bucket}}}}",
        )
    if not re.fullmatch(BUCKET_NAME, bucket):  # the environment's; the file's has been checked
        raise BadInputError(
            f"SELFSERVE_BUCKET is {bucket}; no S3 bucket can have this name.",
            hint="Names have 3 to 63 lower-case letters, digits, hyphens and dots: "
            "export SELFSERVE_BUCKET=my-bucket",
        )
    return bucket


def _refuse_local_keys(chosen: str) -> None:
    """After `eval "$(selfserve local env)"`, every AWS client of the shell asks this machine."""
    if os.environ.get("AWS_ACCESS_KEY_ID", "").startswith(ACCESS_KEY_PREFIX):
        raise BadInputError(
            f"This shell's AWS variables point at the local endpoint, so --on {chosen} is not AWS.",
            hint="Open another shell, or: unset AWS_ENDPOINT_URL_EMR AWS_ENDPOINT_URL_S3 "
            "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION AWS_DEFAULT_REGION",
        )


def _unknown_target(chosen: str, targets: Mapping[str, AwsSettings]) -> BadInputError:
    known = [LOCAL, AWS, *(f"{AWS}:{entry}" for entry in targets if entry != AWS)]
    return BadInputError(
        f"No target is called {chosen}{did_you_mean(chosen, known)}",
        hint=f"Use one of: {', '.join(f'--on {name}' for name in known)}",
    )


def _connect_local(place: Place, endpoint: LocalEndpoint) -> Target:
    from selfserve.usecases.targets.connecting import connect
    from selfserve.usecases.targets.revival import LocalLink, RevivingBackend, RevivingStore

    link = LocalLink(endpoint, place.bucket)
    backend, store = RevivingBackend(link), RevivingStore(link)
    return connect(place, backend, store, LOCAL_PACE, state=str(endpoint.home))


def _fetch_account(region: str) -> str:
    from selfserve.aws.errors import aws_errors
    from selfserve.aws.session import make_clients

    with aws_errors("asking for the account's id"):
        return make_clients(region).sts.get_caller_identity()["Account"]
