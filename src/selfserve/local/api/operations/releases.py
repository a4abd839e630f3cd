"""EMR operations that read the tables: releases, their applications, instance types.

The answers come from the tables that ship with selfserve, so they know the
releases and types that selfserve knows, which are fewer than EMR's.
"""

from typing import Any

from selfserve.core.instances import InstanceType, load_instances
from selfserve.core.releases import Release, load_releases
from selfserve.local.api.errors import invalid_request
from selfserve.local.api.operations.desk import Answer, Desk
from selfserve.local.api.paging import in_order, page_of, with_marker
from selfserve.local.control.records import Json

_MOST_RESULTS = 100


def list_release_labels(_: Desk, request: Json) -> Answer:
    """ListReleaseLabels: newest first. An application filter is `spark` or `spark@3.5.8`."""
    filters: Json = request.get("Filters", {})
    labels = [
        release.label
        for release in load_releases().releases
        if release.label.startswith(filters.get("Prefix", ""))
        and _has(release, filters.get("Application", ""))
    ]
    size = request.get("MaxResults", _MOST_RESULTS)
    token = request.get("NextToken")
    found, following = page_of("ListReleaseLabels", in_order(labels), token, size=size)
    return {"ReleaseLabels": found} | ({"NextToken": following} if following else {})


def _has(release: Release, application: str) -> bool:
    name, _, version = application.lower().partition("@")
    if not name:
        return True
    versions = {known.lower(): at for known, at in release.applications.items()}
    return not release.lacks(name) and version in {"", versions.get(name)}


def describe_release_label(_: Desk, request: Json) -> Answer:
    """DescribeReleaseLabel."""
    label = request.get("ReleaseLabel", "")
    release = _release(label)
    applications = [
        {"Name": name, "Version": version} for name, version in release.applications.items()
    ]
    return {
        "ReleaseLabel": release.label,
        "Applications": applications,
        "AvailableOSReleases": [],
    }


def list_supported_instance_types(_: Desk, request: Json) -> Answer:
    """ListSupportedInstanceTypes."""
    label = _release(request["ReleaseLabel"]).label
    types = [found for found in load_instances().types.values() if found.supported_by(label)]
    listing = f"ListSupportedInstanceTypes {label}"
    found, marker = page_of(listing, in_order(types), request.get("Marker"))
    answer = {"SupportedInstanceTypes": [_describe_type(one) for one in found]}
    return with_marker(answer, marker)


def _release(label: str) -> Release:
    release = load_releases().by_label(label)
    if release is None:
        raise invalid_request(f"Release label '{label}' is not valid.")
    return release


def _describe_type(one: InstanceType) -> dict[str, Any]:
    return {
        "Type": one.name,
        "MemoryGB": float(one.memory_gib),
        "StorageGB": one.local_nvme_gb,
        "VCPU": one.vcpu,
        "Is64BitsOnly": True,
        "InstanceFamilyId": one.name.partition(".")[0],
        "EbsOptimizedAvailable": True,
        "EbsOptimizedByDefault": True,
        "NumberOfDisks": 1 if one.local_nvme_gb else 0,
        "EbsStorageOnly": one.local_nvme_gb == 0,
        "Architecture": "AARCH64" if one.arch == "arm64" else "X86_64",
    }
