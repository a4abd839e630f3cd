"""Names, tags and S3 keys: how a cluster, a run and their files are found again.

Pure. EMR's ListClusters returns no tags, so a cluster's Name carries what a
listing needs; the same facts stand in its tags, which termination checks too.
"""

import re
from dataclasses import dataclass
from typing import Self

PREFIX = "selfserve"
S3_PREFIX = "selfserve/"

NAME_PART = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,47}"
"""A pattern: what stands between the slashes. Five of them fit into EMR's 256 characters."""

TAG_INSTALLATION = "selfserve:installation"
TAG_PROFILE = "selfserve:profile"
TAG_OWNER = "selfserve:owner"
TAG_NAME = "selfserve:name"
TAG_LAUNCH_ID = "selfserve:launch-id"
TAG_SPEC = "selfserve:spec"
TAG_IDLE = "selfserve:idle"
TAG_MAX_AGE = "selfserve:max-age"
TAG_SHARED = "selfserve:shared"


def is_name_part(text: str) -> bool:
    """Whether `text` may stand between the slashes of a cluster's name."""
    return re.fullmatch(NAME_PART, text) is not None


@dataclass(frozen=True, slots=True)
class ClusterName:
    """`selfserve/<installation>/<profile>/<owner>/<name>/<launch-id>`, EMR's Name of our clusters.

    `name` is what users type; it is the profile's name unless `--name` says
    otherwise, and the run id for a cluster that lives for one job only.
    """

    installation: str
    profile: str
    owner: str
    name: str
    launch_id: str

    def __post_init__(self) -> None:
        for field in (self.installation, self.profile, self.owner, self.name, self.launch_id):
            if not is_name_part(field):
                raise ValueError(f"{field!r} cannot be part of a cluster's name")

    def __str__(self) -> str:
        parts = (PREFIX, self.installation, self.profile, self.owner, self.name, self.launch_id)
        return "/".join(parts)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the parts of an EMR cluster's Name, or None when it is not one of ours."""
        parts = text.split("/")
        if len(parts) != 6 or parts[0] != PREFIX or not all(map(is_name_part, parts[1:])):
            return None
        return cls(*parts[1:])

    def tags(self) -> dict[str, str]:
        """The same facts as tags."""
        return {
            TAG_INSTALLATION: self.installation,
            TAG_PROFILE: self.profile,
            TAG_OWNER: self.owner,
            TAG_NAME: self.name,
            TAG_LAUNCH_ID: self.launch_id,
        }


def to_name_part(text: str) -> str:
    """Turn a login or mail name into something `is_name_part` accepts."""
    cleaned = re.sub(r"[^A-Za-z0-9._@-]+", "-", text).strip("-._@")[:48]
    return cleaned or "unknown"


def claim_key(region: str, installation: str, owner: str, name: str) -> str:
    """S3 key of the claim that lets only one launch use this owner's cluster name at a time."""
    return f"{S3_PREFIX}names/{region}/{installation}/{owner}/{name}.json"


def launch_key(launch_id: str) -> str:
    """S3 key of the intent record that is written before RunJobFlow is called."""
    return f"{S3_PREFIX}launches/{launch_id}.json"


def pool_key(region: str, installation: str, profile: str) -> str:
    """S3 key of the claim that lets only one launch of a shared cluster of a profile go on."""
    return f"{S3_PREFIX}pools/{region}/{installation}/{profile}.json"


def lease_key(cluster_id: str) -> str:
    """S3 key of the lease that submitters and the sweep take; see `core.lease`."""
    return f"{S3_PREFIX}leases/{cluster_id}.json"


def beat_key(cluster_id: str) -> str:
    """S3 key of what the cluster's own probe has last seen at work; see `core.beat`."""
    return f"{S3_PREFIX}beats/{cluster_id}.json"


def sweep_memory_key(region: str, installation: str) -> str:
    """S3 key of what sweeps tell each other; see `core.sweep_memory`.

    One for each place whose clusters one listing shows: what a listing lacks is forgotten.
    """
    return f"{S3_PREFIX}sweep/{region}/{installation}.json"


def bootstrap_key(sha256: str, script: str) -> str:
    """S3 key of a bootstrap script, addressed by its content."""
    return f"{S3_PREFIX}bootstrap/{sha256}/{script}"


def package_key(sha256: str, file_name: str) -> str:
    """S3 key of a shipped file, addressed by its content."""
    return f"{S3_PREFIX}packages/{sha256}/{file_name}"


def archive_key(sha256: str) -> str:
    """S3 key of an archive, addressed by its content."""
    return f"{S3_PREFIX}packages/{sha256}.tar.gz"


def lock_key(sha256: str) -> str:
    """S3 key of the lock that goes with the archive of dependencies `sha256`."""
    return f"{S3_PREFIX}packages/{sha256}.lock.txt"


def run_prefix(run_id: str) -> str:
    """S3 prefix of everything that belongs to one run; ends with a slash."""
    return f"{S3_PREFIX}runs/{run_id}/"
