"""Where a cluster's primary node is, for those who must reach its engines. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PrimaryNode:
    """The primary node of a cluster that is up."""

    cluster_id: str
    instance_id: str
    """EC2's, such as i-0123456789abcdef0."""
    private_dns: str
    """Its name inside the VPC, where its engines listen."""
    public_dns: str | None = None
    ssh_key: str | None = None
    """The EC2 key pair that it takes; None: it takes none."""

    @property
    def dns(self) -> str:
        """The name to reach it by from outside; in a private subnet that is the private one."""
        return self.public_dns or self.private_dns
