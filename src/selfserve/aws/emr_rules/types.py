"""Which instance types a release runs on, and what disks they may be given.

Sources: EMR Management Guide, "Supported instance types"; EMR API Reference,
`VolumeSpecification`.
"""

from collections.abc import Iterator

from selfserve.aws.emr_rules.limits import Json, outside
from selfserve.aws.emr_rules.software import classification_problems
from selfserve.core.instances import load_instances
from selfserve.core.releases import load_releases

_VOLUME_TYPES = ("gp3", "gp2", "io1", "st1", "sc1", "standard")


def type_problems(name: str, path: str, label: str | None) -> Iterator[str]:
    """The type is known, and supported by the release `label`, when that is known."""
    known = load_instances().get(name)
    if known is None or not known.offered_by_emr:
        yield f"{path}: EMR does not support the instance type {name!r}"
    elif label and load_releases().by_label(label) and not known.supported_by(label):
        yield f"{path}: {label} does not support the instance type {name!r}"


def typed_problems(config: Json, path: str, label: str | None) -> Iterator[str]:
    """What fleets' InstanceTypeConfigs and instance groups share: type, disks, configurations."""
    yield from type_problems(config["InstanceType"], f"{path}.InstanceType", label)
    if "BidPrice" in config and "BidPriceAsPercentageOfOnDemandPrice" in config:
        yield f"{path}: BidPrice and BidPriceAsPercentageOfOnDemandPrice cannot be given together"
    devices = config.get("EbsConfiguration", {}).get("EbsBlockDeviceConfigs", ())
    for index, device in enumerate(devices):
        yield from _disk_problems(device, f"{path}.EbsConfiguration.EbsBlockDeviceConfigs[{index}]")
    configurations = config.get("Configurations", ())
    yield from classification_problems(configurations, f"{path}.Configurations", label)


def _disk_problems(device: Json, path: str) -> Iterator[str]:
    yield from outside(f"{path}.VolumesPerInstance", device.get("VolumesPerInstance"), 1, 25)
    volume = device["VolumeSpecification"]
    path = f"{path}.VolumeSpecification"
    kind = volume["VolumeType"]
    if kind not in _VOLUME_TYPES:
        yield f"{path}.VolumeType: {kind!r} is not one of {', '.join(_VOLUME_TYPES)}"
    yield from outside(f"{path}.SizeInGB", volume["SizeInGB"], 1, 1024)
    if kind == "io1" and "Iops" not in volume:
        yield f"{path}.Iops: required for io1"
    if kind == "gp3":
        yield from outside(f"{path}.Throughput", volume.get("Throughput"), 125, 1000)
    elif "Throughput" in volume:
        yield f"{path}.Throughput: only gp3 volumes have one, not {kind}"
